/*
 * Tests objects from a sender that writes arbitrary data into its lane, and the domain's checks of
 * such a sender.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/descriptors.h"
#include "support/forge.h"
#include "support/parcel.h"

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;

/* ---- records --------------------------------------------------------------------------------- */

static void ValidObjectsAreDelivered(void **state)
{
    SpecialObj first = ForgePtr(5), second = ForgePtr(8);
    (void)state;

    ForgeBegin(60, 2);
    ForgePut(0, 0, &first);
    ForgePut(1, 32, &second);
    ForgeContents(16);
    assert_int_equal(ForgeSend(), 0);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    const void *one = ParcelBuffer(event.message, 0, 'h', 5);
    const void *two = ParcelBuffer(event.message, 1, 'h', 8);
    assert_int_equal(LiteIpcFree(service->thread, one), 0);
    assert_int_equal(LiteIpcFree(service->thread, two), 0);
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    ForgeSocket();
    ForgeValidDescriptorsArrive(1);
}

static void WrongBufferSizesAreMalformed(void **state)
{
    static const struct {
        uint32_t first, second, contents, says;
    } bad[] = {
        {5, 8, 12, 12},         {5, 8, 20, 20},         {5, 8, 16, 12},
        {5, 8, 16, 20},         {0, 8, 8, 8},           {0, 0, 0, 0},
        {5, UINT32_MAX, 8, 8},  {UINT32_MAX, 5, 8, 8},  {UINT32_MAX - 2, 8, 8, 8},
        {5, 8, 15, 15},         {5, 8, 16, UINT32_MAX}, {1U << 31, 1U << 31, 0, 0},
        {60000, 60000, 64, 64}, {5, 8, 0, 0},
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        SpecialObj first = ForgePtr(bad[i].first), second = ForgePtr(bad[i].second);
        ForgeBegin(48, 2);
        ForgePut(0, 0, &first);
        ForgePut(1, 24, &second);
        ForgeContents(bad[i].contents);
        forge.record.buffersSize = bad[i].says;
        ForgeMalformed();
    }
    ForgeBegin(48, 0); /* contents without an object */
    ForgeContents(16);
    ForgeMalformed();
}

static void WrongOffsetsAreMalformed(void **state)
{
    static const uint32_t bad[][2] = {
        {0, 0},  {0, 8},          {24, 0},         {0, 28}, {4, 32},
        {0, 80}, {0, UINT32_MAX}, {UINT32_MAX, 0}, {1, 40}, {0, UINT32_MAX - 23},
        {72, 72}};
    (void)state;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        SpecialObj object = ForgePtr(8);
        ForgeBegin(96, 2);
        ForgePut(0, bad[i][0], &object);
        ForgePut(1, bad[i][1], &object);
        ForgeContents(16);
        ForgeMalformed();
    }
}

static void UnknownTypesAreMalformed(void **state)
{
    static const uint32_t types[] = {OBJ_SVC + 1, 1000, UINT32_MAX};
    (void)state;

    for (unsigned i = 0; i < 3; i++) {
        SpecialObj object = {.type = (ObjType)types[i]};
        ForgeBegin(24, 1);
        ForgePut(0, 0, &object);
        ForgeMalformed();
    }
}

/* A service in a message grants no right by itself; only the domain grants rights. */
static void ForgedServiceGivesNoRight(void **state)
{
    SpecialObj object = {.type = OBJ_SVC, .content.svc = {.handle = client->taskID}};
    struct LiteIpcOutgoing request = EndpointRequest(client, 5, LITEIPC_FLAG_ONEWAY);
    (void)state;

    ForgeBegin(24, 1);
    ForgePut(0, 0, &object);
    assert_int_equal(ForgeSend(), 0);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    assert_int_equal(EndpointSend(service, &request, 0, NULL), -EACCES);
}

/* Buffers beyond the allowance, and beyond the manager's limit for handle 0. */
static void LimitsApplyToBuffers(void **state)
{
    size_t pool = service->device->ipcInfo.pool.poolSize;
    uint32_t most = 65536 - sizeof(IpcMsg) - sizeof(SpecialObj) - 4;
    struct LiteIpcThreadCounters counters;
    const IpcMsg *held[64];
    unsigned fit = 0;
    (void)state;

    SpecialObj object = ForgePtr(60000);
    for (size_t left = pool; left >= IpcCharge(24, 1) + 60000; fit++) {
        ForgeBegin(24, 1);
        ForgePut(0, 0, &object);
        ForgeContents(60000);
        assert_int_equal(ForgeSend(), 0);
        held[fit] = EndpointExpect(service, LITEIPC_EVENT_MESSAGE).message;
        left -= IpcCharge(24, 1) + 60000;
    }
    uint64_t before = ForgeCounters().malformed;
    assert_int_equal(ForgeSend(), 0);
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(ForgeCounters().malformed, before + 1);
    while (fit-- > 0) {
        assert_int_equal(LiteIpcFree(service->thread, ParcelBuffer(held[fit], 0, 'h', 60000)), 0);
        assert_int_equal(LiteIpcFree(service->thread, held[fit]), 0);
    }

    ForgeLane(&trio.manager);
    for (uint32_t more = 0; more < 3; more++) {
        object = ForgePtr(most - 1 + more);
        ForgeBegin(24, 1);
        struct ControlTaskFacts facts;
        assert_int_equal(
            ControlTaskRead(forge.hostile.process.client.table, trio.manager.taskID, &facts), 0);
        forge.record.destinationTask = trio.manager.taskID;
        forge.record.destinationGeneration = facts.generation;
        forge.record.bits = IPC_RECORD_TO_CMS;
        ForgePut(0, 0, &object);
        ForgeContents(IpcAlign4(most - 1 + more));
        assert_int_equal(ForgeSend(), 0);
        if (more < 2) {
            const IpcMsg *got = EndpointExpect(&trio.manager, LITEIPC_EVENT_MESSAGE).message;
            const void *buffer = ParcelBuffer(got, 0, 'h', most - 1 + more);
            assert_int_equal(LiteIpcFree(trio.manager.thread, buffer), 0);
            assert_int_equal(LiteIpcFree(trio.manager.thread, got), 0);
        } else {
            assert_true(EndpointIsQuiet(&trio.manager));
        }
    }
    LiteIpcThreadCount(trio.manager.thread, &counters);
    assert_int_equal(counters.malformed, 1);
    assert_true(EndpointPoolIsEmpty(&trio.manager));
}

/* ---- the domain's side ----------------------------------------------------------------------- */

static void TheDomainCreatesOneSocketPerLane(void **state)
{
    struct ControlMessage message = {.type = CONTROL_LANE_SOCKET};
    int received[CONTROL_DESCRIPTORS_MAX];
    int other = -1;
    (void)state;

    for (uint32_t id = 0; id < 20; id++) {
        message.object.id = id == 19 ? UINT32_MAX : forge.hostile.lane.laneID + 1 + id;
        message.type = CONTROL_LANE_SOCKET;
        assert_int_equal(
            TestCall(&forge.hostile.process.thread.socket, &message, NULL, 0, received), -ENOENT);
    }
    ForgeSocket();
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(HostileSocket(&forge.hostile, &other), -EEXIST);
        assert_int_equal(other, -1);
    }
    ForgeValidDescriptorsArrive(1);
    ForgeLane(service);
    ForgeSocket(); /* another lane has another socket */
    ForgeValidDescriptorsArrive(1);
}

static int Grant(uint32_t caller, uint32_t processID, uint32_t generation, uint32_t handle)
{
    struct ControlMessage message = {.type = CONTROL_GRANT_ACCESS,
                                     .access = {.callerTaskID = caller,
                                                .processID = processID,
                                                .processGeneration = generation,
                                                .serviceHandle = handle}};
    int received[CONTROL_DESCRIPTORS_MAX];
    return TestCall(&forge.hostile.process.thread.socket, &message, NULL, 0, received);
}

static void TheDomainChecksPassedServices(void **state)
{
    uint32_t own = forge.hostile.process.taskID;
    uint32_t clientProcess = client->device->identity.processID;
    uint32_t generation = client->device->identity.generation;
    (void)state;

    assert_int_equal(Grant(own, clientProcess, generation, client->taskID), -EACCES);
    assert_int_equal(Grant(own, clientProcess, generation, trio.manager.taskID), -EACCES);
    assert_int_equal(Grant(own, forge.hostile.process.client.identity.processID, 0, client->taskID),
                     -EACCES);
    assert_int_equal(Grant(client->taskID, clientProcess, generation, service->taskID), -EINVAL);
    assert_int_equal(Grant(own, clientProcess, generation + 1, service->taskID), -EINVAL);
    assert_int_equal(Grant(own, 0, 0, service->taskID), -EINVAL);
    assert_int_equal(Grant(own, 60, 0, service->taskID), -EINVAL);
    assert_int_equal(Grant(own, UINT32_MAX, 0, service->taskID), -EINVAL);
    assert_int_equal(Grant(own, clientProcess, generation, 0), -EINVAL);
    assert_int_equal(Grant(own, clientProcess, generation, 4000), -EINVAL);
    assert_int_equal(Grant(own, clientProcess, generation, UINT32_MAX), -EINVAL);
    assert_int_equal(Grant(own, clientProcess, generation, service->taskID), 0);
    assert_int_equal(Grant(own, clientProcess, generation, own), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FORGE_TEST(ValidObjectsAreDelivered),         FORGE_TEST(WrongBufferSizesAreMalformed),
        FORGE_TEST(WrongOffsetsAreMalformed),         FORGE_TEST(UnknownTypesAreMalformed),
        FORGE_TEST(ForgedServiceGivesNoRight),        FORGE_TEST(LimitsApplyToBuffers),
        FORGE_TEST(TheDomainCreatesOneSocketPerLane), FORGE_TEST(TheDomainChecksPassedServices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
