#include "support/forge.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/descriptors.h"
#include "support/parcel.h"

struct Forge forge;
static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;

struct LiteIpcThreadCounters ForgeCounters(void)
{
    struct LiteIpcThreadCounters counters;
    LiteIpcThreadCount(service->thread, &counters);
    return counters;
}

void ForgeLane(const struct Endpoint *to)
{
    assert_int_equal(
        HostileLaneOpen(&forge.hostile, to->taskID, to->device->ipcInfo.pool.poolSize, false), 0);
}

int ForgeSetUp(void **state)
{
    TrioSetUp(state);
    HostileOpen(LiteIpcDomainPath(trio.stage.domain), &forge.hostile);
    struct Endpoint as = {.taskID = forge.hostile.process.taskID};
    EndpointGrant(&trio.manager, &as, service);
    ForgeLane(service);
    assert_int_equal(EndpointSendOneWay(client, service, 1), 0);
    assert_true(EndpointGets(service, 1));
    assert_int_equal(pipe2(forge.ends, O_CLOEXEC | O_NONBLOCK), 0);
    forge.fdSocket = -1;
    return 0;
}

void ForgeSocket(void)
{
    if (forge.fdSocket >= 0) {
        close(forge.fdSocket);
    }
    assert_int_equal(HostileSocket(&forge.hostile, &forge.fdSocket), 0);
}

/* Asserts that nothing of the sent data remains, and that other clients are served as before. */
int ForgeTearDown(void **state)
{
    char byte;
    assert_int_equal(EndpointSendOneWay(client, service, 2), 0);
    assert_true(EndpointGets(service, 2));
    assert_true(EndpointPoolIsEmpty(service) && EndpointPoolIsEmpty(client));
    HostileClose(&forge.hostile);
    if (forge.fdSocket >= 0) {
        close(forge.fdSocket);
    }
    /* The service receives the sender's death notice; then no descriptor of the sender remains. */
    close(forge.ends[1]);
    for (unsigned i = 0; read(forge.ends[0], &byte, 1) != 0; i++) {
        assert_true(i < 100);
        assert_true(EndpointIsQuiet(service));
        assert_true(EndpointIsQuiet(&trio.manager));
    }
    close(forge.ends[0]);
    return TrioTearDown(state);
}
void ForgeBegin(uint32_t dataSz, uint16_t objects)
{
    memset(forge.body, 0, sizeof(forge.body));
    forge.record = HostileRequest(&forge.hostile, service->taskID, 66, dataSz);
    forge.record.spObjNum = objects;
    forge.size = IpcAlign4(dataSz) + objects * 4U;
}

void ForgePut(uint32_t index, uint32_t offset, const SpecialObj *object)
{
    if (offset <= forge.record.dataSz && forge.record.dataSz - offset >= sizeof(*object)) {
        memcpy(forge.body + offset, object, sizeof(*object));
    }
    memcpy(forge.body + IpcAlign4(forge.record.dataSz) + index * sizeof(offset), &offset,
           sizeof(offset));
}

SpecialObj ForgePtr(uint32_t size)
{
    return (SpecialObj){.type = OBJ_PTR, .content.ptr = {.buffSz = size, .buff = forge.body}};
}

SpecialObj ForgeFd(uint32_t number)
{
    return (SpecialObj){.type = OBJ_FD, .content.fd = number};
}

void ForgeContents(uint32_t size)
{
    memset(forge.body + forge.size, 'h', size);
    forge.size += size;
    forge.record.buffersSize += size;
}

int ForgeSend(void)
{
    return HostilePublishBody(&forge.hostile.lane, &forge.record, forge.body, forge.size);
}

void ForgeFdMessage(uint16_t number, uint16_t count)
{
    ForgeBegin(count * (uint32_t)sizeof(SpecialObj), count);
    for (uint32_t i = 0; i < count; i++) {
        SpecialObj object = ForgeFd(i);
        ForgePut(i, i * (uint32_t)sizeof(SpecialObj), &object);
    }
    forge.record.descriptors = number;
}

int ForgeTransmit(uint16_t number, uint32_t count)
{
    int descriptors[IPC_DESCRIPTORS_MAX];
    for (uint32_t i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
        descriptors[i] = forge.ends[1];
    }
    return DescriptorsTransmit(forge.fdSocket, number, descriptors, count);
}

void ForgeTransmitRaw(const void *bytes, size_t size, unsigned count)
{
    int descriptors[64];
    for (unsigned i = 0; i < 64; i++) {
        descriptors[i] = forge.ends[1];
    }
    assert_int_equal(TestSend(forge.fdSocket, bytes, size, descriptors, count), 0);
}

void ForgeValidDescriptorsArrive(uint16_t number)
{
    assert_int_equal(ForgeTransmit(number, 2), 0);
    ForgeFdMessage(number, 2);
    assert_int_equal(ForgeSend(), 0);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    for (uint32_t i = 0; i < 2; i++) {
        int descriptor = (int)ParcelGet(event.message, i, OBJ_FD).content.fd;
        assert_true(fcntl(descriptor, F_GETPIPE_SZ) > 0);
        assert_int_equal(close(descriptor), 0);
    }
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
}

void ForgeMalformed(void)
{
    struct LiteIpcThreadCounters before = ForgeCounters();
    assert_int_equal(ForgeSend(), 0);
    assert_true(EndpointIsQuiet(service));
    struct LiteIpcThreadCounters after = ForgeCounters();
    assert_int_equal(after.malformed + after.lanesClosedForGarbage,
                     before.malformed + 1 + before.lanesClosedForGarbage);
    assert_true(EndpointPoolIsEmpty(service));
    if (after.malformed % 10 == 0) {
        /* Replace the old lane before it is closed because of too many malformed messages. */
        ForgeLane(service);
    }
}

void ForgeDropped(void)
{
    struct LiteIpcThreadCounters before = ForgeCounters();
    assert_int_equal(ForgeSend(), 0);
    assert_true(EndpointIsQuiet(service));
    struct LiteIpcThreadCounters after = ForgeCounters();
    assert_int_equal(after.dropped, before.dropped + 1);
    assert_int_equal(after.malformed, before.malformed);
    assert_true(EndpointPoolIsEmpty(service));
}
