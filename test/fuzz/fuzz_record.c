/*
 * Fuzzes the way of a record from a lane into the program that receives it: a hostile sender that
 * writes any header, body, offsets and objects, and that goes on writing while the receiver reads.
 * Whatever is delivered must carry the sender's identity, and all of its bytes must be readable.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz/input.h"
#include "support/endpoint.h"
#include "support/forge.h"

#define RECORDS_MAX 8
#define BODY_MAX    2048

static _Atomic bool scribbling;
static _Atomic(unsigned char *) scribbled; /* the ring that the thread below writes */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void Require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "fuzz_record: %s\n", what);
        abort();
    }
}

/* Changes words of the first records, which the receiver is reading. Races are the point. */
__attribute__((no_sanitize("thread"))) static void *Scribble(void *unused)
{
    uint32_t state = 1;
    (void)unused;
    for (;;) {
        unsigned char *ring = atomic_load(&scribbled);
        if (!atomic_load(&scribbling) || ring == NULL) {
            usleep(50);
            continue;
        }
        state = state * 1664525U + 1013904223U;
        /* Not the sequence word: the record is to stay published. */
        ring[RING_HEADER_SIZE + 8 + (state >> 16) % 1024] = (unsigned char)(state >> 8);
    }
    return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    pthread_t thread;
    void *state = NULL;
    (void)argc;
    (void)argv;
    Require(ForgeSetUp(&state) == 0, "no domain");
    ForgeSocket();
    Require(pthread_create(&thread, NULL, Scribble, NULL) == 0, "no thread");
    return 0;
}

static void Objects(struct Input *input, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t kind = InputByte(input);
        SpecialObj object = {.type = (ObjType)(kind % 5)};
        uint32_t offset = kind & 0x80 ? InputWord(input) : i * (uint32_t)sizeof(SpecialObj);
        if (object.type == OBJ_PTR) {
            object.content.ptr.buffSz = InputByte(input);
            object.content.ptr.buff = (void *)(uintptr_t)InputWord(input);
        } else {
            object.content.svc.handle = InputByte(input) % 8;
            object.content.svc.token = InputByte(input);
        }
        ForgePut(i, offset, &object);
    }
}

/* A datagram of the lane's socket; refused when too much is in flight already. */
static void Transmit(struct Input *input)
{
    uint16_t label[2] = {InputByte(input) % 4, InputByte(input) % 20};
    int descriptors[20];
    for (unsigned i = 0; i < 20; i++) {
        descriptors[i] = forge.ends[i % 2];
    }
    (void)TestSend(forge.fdSocket, label, InputByte(input) % 8 == 0 ? 1 : sizeof(label),
                   descriptors, InputByte(input) % 4 == 0 ? InputByte(input) % 20 : label[1]);
}

static void Send(struct Input *input)
{
    uint8_t shape = InputByte(input);
    uint32_t objects = shape % 4;
    uint32_t size = objects * (uint32_t)sizeof(SpecialObj) + InputByte(input);
    ForgeBegin(size, (uint16_t)objects);
    InputBytes(input, forge.body, size);
    Objects(input, objects);
    if (shape & 0x10) {
        ForgeContents(InputByte(input));
    }
    if (shape & 0x20) {
        forge.record.descriptors = InputByte(input) % 4;
        Transmit(input);
    }
    /* Any words of the header get any value. */
    for (unsigned changes = shape >> 6; changes > 0; changes--) {
        uint32_t at = sizeof(struct RingRecord) +
                      InputByte(input) % (sizeof(forge.record) - sizeof(struct RingRecord));
        ((unsigned char *)&forge.record)[at] = InputByte(input);
    }
    (void)ForgeSend();
}

/* The program: reads every byte of what arrives, and frees it. */
static void Receive(void)
{
    struct LiteIpcEvent event;
    while (EndpointNext(&trio.service, &event, 0)) {
        if (event.kind != LITEIPC_EVENT_MESSAGE) {
            continue;
        }
        const IpcMsg *message = event.message;
        const volatile unsigned char *bytes = message->data;
        unsigned sum = 0;
        Require(message->processID == forge.hostile.process.client.identity.processID,
                "a message has the identity of another process");
        Require(message->dataSz <= LiteIpcDataLimit(trio.service.device), "too much data");
        for (uint32_t i = 0; i < message->dataSz; i++) {
            sum += bytes[i];
        }
        const uint32_t *offsets = message->offsets;
        for (uint32_t i = 0; i < message->spObjNum; i++) {
            SpecialObj object;
            Require(offsets[i] <= message->dataSz - sizeof(object), "an offset outside the data");
            memcpy(&object, (const char *)message->data + offsets[i], sizeof(object));
            if (object.type == OBJ_FD) {
                close((int)object.content.fd);
            } else if (object.type == OBJ_PTR) {
                const volatile unsigned char *buffer = object.content.ptr.buff;
                for (uint32_t k = 0; k < object.content.ptr.buffSz; k++) {
                    sum += buffer[k];
                }
                Require(LiteIpcFree(trio.service.thread, object.content.ptr.buff) == 0,
                        "a buffer that cannot be freed");
            }
        }
        Require(sum != UINT32_MAX && LiteIpcFree(trio.service.thread, message) == 0,
                "a message that cannot be freed");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct Input input = {.next = data, .left = size};
    bool scribble = InputByte(&input) % 4 == 0;
    struct LiteIpcThreadCounters before = ForgeCounters();
    atomic_store(&scribbled, (unsigned char *)forge.hostile.lane.ring);
    atomic_store(&scribbling, scribble);
    for (unsigned i = 0; i < RECORDS_MAX && input.left > 0; i++) {
        Send(&input);
        if (!scribble || i % 2) {
            Receive();
        }
    }
    Receive();
    atomic_store(&scribbling, false);
    atomic_store(&scribbled, NULL);
    usleep(0);
    Receive();
    struct LiteIpcThreadCounters after = ForgeCounters();
    if (after.malformed != before.malformed ||
        after.lanesClosedForGarbage != before.lanesClosedForGarbage) {
        usleep(100); /* the scribbler may be within its last store */
        /* Refused if the receiver closed it. Two processes may have 16 lanes. */
        (void)TestObject(&forge.hostile.process.thread, CONTROL_LANE_CLOSE,
                         forge.hostile.lane.laneID, 0);
        ForgeLane(&trio.service);
        ForgeSocket();
        Receive();
    }
    Require(EndpointPoolIsEmpty(&trio.service), "the pool is not empty");
    return 0;
}
