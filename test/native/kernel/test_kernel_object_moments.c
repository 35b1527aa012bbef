/*
 * Tests descriptors in unusual interleavings: before their socket is known, without their record,
 * without their datagram.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/control_blocks.h"
#include "kernel/descriptors.h"
#include "support/child.h"
#include "support/forge.h"
#include "support/parcel.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;

/*
 * ---- a record that arrives before the event with its lane's socket ----------------------------
 */

static bool SomeLaneAwaits(const struct LiteIpcThread *thread)
{
    for (unsigned i = 0; i < thread->hotCount; i++) {
        if (thread->hot[i]->socketAwaited) {
            return true;
        }
    }
    return false;
}

/*
 * The thread has read its control socket just before the domain wrote to it, and the lane just
 * after the record arrived. It reads once more and loses nothing.
 */
static void RecordWaitsOneReadForItsSocket(void **state)
{
    struct LiteIpcThread *thread = service->thread;
    struct LiteIpcThreadCounters before = ForgeCounters();
    struct LiteIpcEvent event;
    (void)state;

    ForgeSocket();
    thread->attentionSeen = atomic_load(&thread->entry->attention);
    thread->controlReady = false;
    assert_int_equal(ForgeTransmit(1, 2), 0);
    ForgeFdMessage(1, 2);
    assert_int_equal(ForgeSend(), 0);
    assert_int_equal(LiteIpcReceive(thread, &event, 1), 0);
    assert_true(SomeLaneAwaits(thread));
    assert_int_equal(LiteIpcPrepareSleep(thread), 1); /* there is work left */
    assert_int_equal(LiteIpcReceive(thread, &event, 1), 1);
    assert_int_equal(event.kind, LITEIPC_EVENT_MESSAGE);
    for (uint32_t i = 0; i < 2; i++) {
        int descriptor = (int)ParcelGet(event.message, i, OBJ_FD).content.fd;
        assert_true(fcntl(descriptor, F_GETPIPE_SZ) > 0);
        assert_int_equal(close(descriptor), 0);
    }
    assert_int_equal(LiteIpcFree(thread, event.message), 0);
    assert_int_equal(ForgeCounters().malformed, before.malformed);
    assert_int_equal(ForgeCounters().dropped, before.dropped);
    ForgeValidDescriptorsArrive(2);
}

/* The record waits for one read only: if the socket never arrives, the record is malformed. */
static void RecordWaitsForOneReadOnly(void **state)
{
    struct LiteIpcThreadCounters before = ForgeCounters();
    struct LiteIpcEvent event;
    (void)state;

    ForgeFdMessage(1, 1);
    assert_int_equal(ForgeSend(), 0);
    assert_int_equal(LiteIpcReceive(service->thread, &event, 1), 0);
    assert_int_equal(ForgeCounters().malformed, before.malformed);
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(ForgeCounters().malformed, before.malformed + 1);
}

/* ---- killed between the descriptors and their record ----------------------------------------- */

#define CHILD_OUTPUT                                                                               \
    3 /* the test reads this until the last copy is closed, see support/child.c                    \
       */
#define CHILDREN 3

/*
 * Sends a message with its output as the descriptor, and then only the descriptor of a second
 * message.
 */
static int HalfRole(const char *domain, const char *argument)
{
    struct Endpoint to = {.taskID = (uint32_t)strtoul(argument, NULL, 10)};
    int output = CHILD_OUTPUT;
    HostileOpen(domain, &forge.hostile);
    ChildReportNumber(forge.hostile.process.taskID);
    ChildAwaitResume();
    if (HostileLaneOpen(&forge.hostile, to.taskID, 256 * 1024, false) != 0 ||
        HostileSocket(&forge.hostile, &forge.fdSocket) != 0) {
        return 1;
    }
    trio.service.taskID = to.taskID;
    ForgeFdMessage(1, 1);
    if (DescriptorsTransmit(forge.fdSocket, 1, &output, 1) != 0 || ForgeSend() != 0 ||
        DescriptorsTransmit(forge.fdSocket, 2, &output, 1) != 0) {
        return 2;
    }
    return raise(SIGKILL);
}

static void SenderIsKilledBeforeTheRecord(void **state)
{
    char argument[16];
    (void)state;

    snprintf(argument, sizeof(argument), "%u", service->taskID);
    size_t before = TestDescriptorsSettled();
    for (int i = 0; i < CHILDREN; i++) {
        struct Child child;
        char byte;
        ChildStart(&child, "half", LiteIpcDomainPath(trio.stage.domain), argument, CHILD_SAME_USER);
        struct Endpoint as = {.taskID = ChildNumber(&child)};
        EndpointGrant(&trio.manager, &as, service);
        ChildResume(&child);
        struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
        assert_int_equal(close((int)ParcelGet(event.message, 0, OBJ_FD).content.fd), 0);
        assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
        for (int look = 0; !ChildHasExited(&child) && look < 500; look++) {
            assert_true(EndpointIsQuiet(service)); /* no message without a record */
        }
        /* The end of the file: all copies of the descriptor without a message are closed. */
        assert_int_equal(fcntl(child.output, F_SETFL, O_NONBLOCK), 0);
        for (int look = 0; read(child.output, &byte, 1) != 0; look++) {
            assert_true(look < 100);
            assert_true(EndpointIsQuiet(service));
        }
        assert_int_equal(ChildEnd(&child), -SIGKILL);
    }
    assert_true(TestDescriptorCountIs(before));
}

/*
 * ---- an answer without its descriptors --------------------------------------------------------
 */

/* The client calls the hostile peer, which answers with a descriptor of this number. */
static void CallIsAnswered(uint16_t number, uint64_t userData)
{
    struct LiteIpcOutgoing out = {.handle = forge.hostile.process.taskID, .code = 1};
    assert_int_equal(EndpointSend(client, &out, userData, NULL), 0);
    ForgeFdMessage(number, 1);
    forge.record = HostileRequest(&forge.hostile, client->taskID, 2, forge.record.dataSz);
    forge.record.type = MT_REPLY;
    forge.record.spObjNum = 1;
    forge.record.descriptors = number;
    forge.record.callIndex = 1;
    forge.record.timestamp = client->task->calls.calls[0].timestamp;
    assert_int_equal(ForgeSend(), 0);
}

static void CallWithoutItsDescriptorsFails(void **state)
{
    struct Endpoint as = {.taskID = forge.hostile.process.taskID};
    (void)state;

    EndpointGrant(&trio.manager, &as, client);
    EndpointGrant(&trio.manager, client, &as);
    ForgeLane(client);
    ForgeSocket();
    CallIsAnswered(1, 100); /* no descriptor arrived */
    struct LiteIpcEvent event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_true(event.userData == 100 && event.status == -EPROTO && event.message == NULL);
    size_t before = TestDescriptorsSettled();
    assert_int_equal(ForgeTransmit(7, 1), 0);
    CallIsAnswered(2, 101); /* a different number arrived */
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_true(event.userData == 101 && event.status == -EPROTO && event.message == NULL);
    assert_int_equal(ForgeTransmit(3, 2), 0);
    CallIsAnswered(3, 102); /* more descriptors arrived than the answer declares */
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_true(event.userData == 102 && event.status == -EPROTO && event.message == NULL);
    assert_true(TestDescriptorCountIs(before));
    assert_int_equal(ForgeTransmit(4, 1), 0);
    CallIsAnswered(4, 103); /* the correct descriptors arrived */
    event = EndpointExpect(client, LITEIPC_EVENT_CALL);
    assert_true(event.userData == 103 && event.status == 0);
    assert_int_equal(close((int)ParcelGet(event.message, 0, OBJ_FD).content.fd), 0);
    assert_int_equal(LiteIpcFree(client->thread, event.message), 0);
    assert_true(EndpointIsQuiet(client) && EndpointPoolIsEmpty(client));
}

int main(int count, char **arguments)
{
    const struct ChildRole roles[] = {{"half", HalfRole}, {NULL, NULL}};
    ChildRunIfAsked(count, arguments, roles);
    const struct CMUnitTest tests[] = {
        FORGE_TEST(RecordWaitsOneReadForItsSocket),
        FORGE_TEST(RecordWaitsForOneReadOnly),
        FORGE_TEST(SenderIsKilledBeforeTheRecord),
        FORGE_TEST(CallWithoutItsDescriptorsFails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
