/* Objects from a sender that writes what it likes into its lane and the socket beside it. */
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
#include "support/endpoint.h"
#include "support/hostile.h"
#include "support/parcel.h"

#define BODY_MAX 70000

static struct Endpoint *const client = &trio.client;
static struct Endpoint *const service = &trio.service;
static struct Hostile hostile;
static int way; /* for descriptors; -1: not asked for */
static int ends[2];

/* A message on its way to the service, as the hostile writes it. */
static struct {
    struct IpcRecord record;
    char body[BODY_MAX];
    uint32_t size; /* of the body */
} out;

static struct LiteIpcThreadCounters Counters(void)
{
    struct LiteIpcThreadCounters counters;
    LiteIpcThreadCount(service->thread, &counters);
    return counters;
}

static void LaneOpen(const struct Endpoint *to)
{
    assert_int_equal(
        HostileLaneOpen(&hostile, to->taskID, to->device->ipcInfo.pool.poolSize, false), 0);
}

static int SetUp(void **state)
{
    TrioSetUp(state);
    HostileOpen(LiteIpcDomainPath(trio.stage.domain), &hostile);
    struct Endpoint as = {.taskID = hostile.process.taskID};
    EndpointGrant(&trio.manager, &as, service);
    LaneOpen(service);
    assert_int_equal(EndpointTell(client, service, 1), 0);
    assert_true(EndpointGets(service, 1));
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    way = -1;
    return 0;
}

static void SocketOpen(void)
{
    if (way >= 0) {
        close(way);
    }
    assert_int_equal(HostileSocket(&hostile, &way), 0);
}

/* Nothing is left of what was sent, and others are served as before. */
static int TearDown(void **state)
{
    char byte;
    assert_int_equal(EndpointTell(client, service, 2), 0);
    assert_true(EndpointGets(service, 2));
    assert_true(EndpointPoolIsEmpty(service) && EndpointPoolIsEmpty(client));
    HostileClose(&hostile);
    if (way >= 0) {
        close(way);
    }
    /* The service learns that the sender is gone; then no descriptor of its is left anywhere. */
    close(ends[1]);
    for (unsigned i = 0; read(ends[0], &byte, 1) != 0; i++) {
        assert_true(i < 100);
        assert_true(EndpointIsQuiet(service));
        assert_true(EndpointIsQuiet(&trio.manager));
    }
    close(ends[0]);
    return TrioTearDown(state);
}
#define HOSTILE_TEST(test) cmocka_unit_test_setup_teardown(test, SetUp, TearDown)

/* ---- writing ---------------------------------------------------------------------------------------- */

static void Begin(uint32_t dataSz, uint16_t objects)
{
    memset(&out, 0, sizeof(out));
    out.record = HostileRequest(&hostile, service->taskID, 66, dataSz);
    out.record.spObjNum = objects;
    out.size = IpcAlign4(dataSz) + objects * 4U;
}

static void Put(uint32_t index, uint32_t offset, const SpecialObj *object)
{
    if (offset <= out.record.dataSz && out.record.dataSz - offset >= sizeof(*object)) {
        memcpy(out.body + offset, object, sizeof(*object));
    }
    memcpy(out.body + IpcAlign4(out.record.dataSz) + index * sizeof(offset), &offset,
           sizeof(offset));
}

static SpecialObj Ptr(uint32_t size)
{
    return (SpecialObj){.type = OBJ_PTR, .content.ptr = {.buffSz = size, .buff = &out}};
}

static SpecialObj Fd(uint32_t number)
{
    return (SpecialObj){.type = OBJ_FD, .content.fd = number};
}

static void Contents(uint32_t size)
{
    memset(out.body + out.size, 'h', size);
    out.size += size;
    out.record.buffersSize += size;
}

static int Send(void)
{
    return HostilePublishBody(&hostile.lane, &out.record, out.body, out.size);
}

/* A message of `count` descriptors that are to be found under this number. */
static void FdMessage(uint16_t number, uint16_t count)
{
    Begin(count * (uint32_t)sizeof(SpecialObj), count);
    for (uint32_t i = 0; i < count; i++) {
        SpecialObj object = Fd(i);
        Put(i, i * (uint32_t)sizeof(SpecialObj), &object);
    }
    out.record.descriptors = number;
}

static int Transmit(uint16_t number, uint32_t count)
{
    int descriptors[IPC_DESCRIPTORS_MAX];
    for (uint32_t i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
        descriptors[i] = ends[1];
    }
    return DescriptorsTransmit(way, number, descriptors, count);
}

/* A datagram of any bytes with any number of descriptors. */
static void TransmitRaw(const void *bytes, size_t size, unsigned count)
{
    int descriptors[64];
    for (unsigned i = 0; i < 64; i++) {
        descriptors[i] = ends[1];
    }
    assert_int_equal(TestSend(way, bytes, size, descriptors, count), 0);
}

static void RightFdMessagePasses(uint16_t number)
{
    assert_int_equal(Transmit(number, 2), 0);
    FdMessage(number, 2);
    assert_int_equal(Send(), 0);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    for (uint32_t i = 0; i < 2; i++) {
        int descriptor = (int)ParcelGet(event.message, i, OBJ_FD).content.fd;
        assert_true(fcntl(descriptor, F_GETPIPE_SZ) > 0);
        assert_int_equal(close(descriptor), 0);
    }
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
}

static void Malformed(void)
{
    struct LiteIpcThreadCounters before = Counters();
    assert_int_equal(Send(), 0);
    assert_true(EndpointIsQuiet(service));
    struct LiteIpcThreadCounters after = Counters();
    assert_int_equal(after.malformed + after.lanesClosedForGarbage,
                     before.malformed + 1 + before.lanesClosedForGarbage);
    assert_true(EndpointPoolIsEmpty(service));
    if (after.malformed % 10 == 0) {
        LaneOpen(service); /* before the old one is closed for so much garbage */
    }
}

static void Dropped(void)
{
    struct LiteIpcThreadCounters before = Counters();
    assert_int_equal(Send(), 0);
    assert_true(EndpointIsQuiet(service));
    struct LiteIpcThreadCounters after = Counters();
    assert_int_equal(after.dropped, before.dropped + 1);
    assert_int_equal(after.malformed, before.malformed);
    assert_true(EndpointPoolIsEmpty(service));
}

/* ---- records ---------------------------------------------------------------------------------------- */

static void RightObjectsAreDelivered(void **state)
{
    SpecialObj first = Ptr(5), second = Ptr(8);
    (void)state;

    Begin(60, 2);
    Put(0, 0, &first);
    Put(1, 32, &second);
    Contents(16);
    assert_int_equal(Send(), 0);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    const void *one = ParcelBuffer(event.message, 0, 'h', 5);
    const void *two = ParcelBuffer(event.message, 1, 'h', 8);
    assert_int_equal(LiteIpcFree(service->thread, one), 0);
    assert_int_equal(LiteIpcFree(service->thread, two), 0);
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    SocketOpen();
    RightFdMessagePasses(1);
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
        SpecialObj first = Ptr(bad[i].first), second = Ptr(bad[i].second);
        Begin(48, 2);
        Put(0, 0, &first);
        Put(1, 24, &second);
        Contents(bad[i].contents);
        out.record.buffersSize = bad[i].says;
        Malformed();
    }
    Begin(48, 0); /* contents of no object */
    Contents(16);
    Malformed();
}

static void WrongOffsetsAreMalformed(void **state)
{
    static const uint32_t bad[][2] = {
        {0, 0},  {0, 8},          {24, 0},         {0, 28}, {4, 32},
        {0, 80}, {0, UINT32_MAX}, {UINT32_MAX, 0}, {1, 40}, {0, UINT32_MAX - 23},
        {72, 72}};
    (void)state;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        SpecialObj object = Ptr(8);
        Begin(96, 2);
        Put(0, bad[i][0], &object);
        Put(1, bad[i][1], &object);
        Contents(16);
        Malformed();
    }
}

static void UnknownTypesAreMalformed(void **state)
{
    static const uint32_t types[] = {OBJ_SVC + 1, 1000, UINT32_MAX};
    (void)state;

    for (unsigned i = 0; i < 3; i++) {
        SpecialObj object = {.type = (ObjType)types[i]};
        Begin(24, 1);
        Put(0, 0, &object);
        Malformed();
    }
}

/* A service in a message gives no right by itself: that is the domain's to give. */
static void ForgedServiceGivesNoRight(void **state)
{
    SpecialObj object = {.type = OBJ_SVC, .content.svc = {.handle = client->taskID}};
    struct LiteIpcOutgoing request = EndpointRequest(client, 5, LITEIPC_FLAG_ONEWAY);
    (void)state;

    Begin(24, 1);
    Put(0, 0, &object);
    assert_int_equal(Send(), 0);
    struct LiteIpcEvent event = EndpointExpect(service, LITEIPC_EVENT_MESSAGE);
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    assert_int_equal(EndpointSend(service, &request, 0, NULL), -EACCES);
}

/* Bigger buffers than the allowance, and more than the manager takes at handle 0. */
static void LimitsHoldForBuffers(void **state)
{
    size_t pool = service->device->ipcInfo.pool.poolSize;
    uint32_t most = 65536 - sizeof(IpcMsg) - sizeof(SpecialObj) - 4;
    struct LiteIpcThreadCounters counters;
    const IpcMsg *held[64];
    unsigned fit = 0;
    (void)state;

    SpecialObj object = Ptr(60000);
    for (size_t left = pool; left >= IpcCharge(24, 1) + 60000; fit++) {
        Begin(24, 1);
        Put(0, 0, &object);
        Contents(60000);
        assert_int_equal(Send(), 0);
        held[fit] = EndpointExpect(service, LITEIPC_EVENT_MESSAGE).message;
        left -= IpcCharge(24, 1) + 60000;
    }
    uint64_t before = Counters().malformed;
    assert_int_equal(Send(), 0);
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(Counters().malformed, before + 1);
    while (fit-- > 0) {
        assert_int_equal(LiteIpcFree(service->thread, ParcelBuffer(held[fit], 0, 'h', 60000)), 0);
        assert_int_equal(LiteIpcFree(service->thread, held[fit]), 0);
    }

    LaneOpen(&trio.manager);
    for (uint32_t more = 0; more < 3; more++) {
        object = Ptr(most - 1 + more);
        Begin(24, 1);
        struct ControlTaskFacts facts;
        assert_int_equal(ControlTaskRead(hostile.process.client.table, trio.manager.taskID, &facts),
                         0);
        out.record.destinationTask = trio.manager.taskID;
        out.record.destinationGeneration = facts.generation;
        out.record.bits = IPC_RECORD_TO_CMS;
        Put(0, 0, &object);
        Contents(IpcAlign4(most - 1 + more));
        assert_int_equal(Send(), 0);
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

/* ---- descriptors ------------------------------------------------------------------------------------ */

static void NumbersWithoutASocketAreMalformed(void **state)
{
    (void)state;
    for (uint16_t i = 1; i < 5; i++) {
        FdMessage(i, 1);
        Malformed();
    }
    SocketOpen(); /* and yet it can be had afterwards */
    RightFdMessagePasses(1);
}

static void NumbersThatDoNotFitTheObjectsAreMalformed(void **state)
{
    (void)state;
    SocketOpen();
    FdMessage(0, 1); /* a descriptor, but no number */
    Malformed();
    Begin(8, 0); /* a number, but no object */
    out.record.descriptors = 1;
    assert_int_equal(Transmit(1, 1), 0);
    Malformed();
    FdMessage(2, IPC_DESCRIPTORS_MAX + 1);
    assert_int_equal(Transmit(2, IPC_DESCRIPTORS_MAX), 0);
    Malformed();
    RightFdMessagePasses(3);
}

static void MessagesWithoutTheirDescriptorsAreDropped(void **state)
{
    size_t before;
    (void)state;
    SocketOpen();
    RightFdMessagePasses(1);
    before = TestDescriptorCount();
    for (uint16_t i = 2; i < 40; i++) {
        FdMessage(i, 1);
        if (i % 3 == 0) {
            assert_int_equal(Transmit(i, 2), 0); /* more than the message says */
        } else if (i % 3 == 1) {
            assert_int_equal(Transmit((uint16_t)(i + 1000), 1), 0); /* another's */
        }
        Dropped();
        assert_int_equal(TestDescriptorCount(), before);
    }
    RightFdMessagePasses(50);
}

static void OddDatagramsAreThrownAway(void **state)
{
    static const struct {
        uint16_t number, count;
    } label[] = {{3, 4}, {0, 1}, {3, 0}, {3, UINT16_MAX}};
    size_t before;
    (void)state;
    SocketOpen();
    RightFdMessagePasses(1);
    before = TestDescriptorCount();
    for (unsigned i = 0; i < 4; i++) {
        TransmitRaw(&label[i], sizeof(label[i]), 1);
        TransmitRaw(&label[i], sizeof(label[i]), 50);
        TransmitRaw(&label[i], sizeof(label[i]), 0);
        TransmitRaw(&label[i], 3, 2);
        TransmitRaw(&out, 1000, 2);
        RightFdMessagePasses((uint16_t)(10 + i));
        assert_int_equal(TestDescriptorCount(), before);
    }
}

/* Descriptors without a record: as long as the lane lives they lie in its socket, and nowhere else. */
static void DescriptorsWithoutRecords(void **state)
{
    (void)state;
    SocketOpen();
    RightFdMessagePasses(1);
    size_t before = TestDescriptorCount();
    unsigned sent = 0;
    while (sent < 1000 && Transmit((uint16_t)(100 + sent), IPC_DESCRIPTORS_MAX) == 0) {
        sent++;
    }
    assert_true(sent > 16);
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(TestDescriptorCount(), before);
    for (unsigned i = 0; i < 10; i++) {
        FdMessage(5, 1); /* the search for its descriptors has an end */
        Dropped();
        assert_int_equal(TestDescriptorCount(), before);
    }
}

/* What came out of turn is kept while other messages of the lane wait, but not more than 16. */
static void NotMuchIsKept(void **state)
{
    (void)state;
    SocketOpen();
    RightFdMessagePasses(1);
    size_t before = TestDescriptorCount();
    for (uint16_t number = 2; number < 12; number++) {
        assert_int_equal(Transmit(number, 7), 0);
    }
    FdMessage(11, 7);
    assert_int_equal(Send(), 0);
    FdMessage(2, 7);
    assert_int_equal(Send(), 0);
    FdMessage(8, 7);
    assert_int_equal(Send(), 0);
    struct LiteIpcEvent event;
    struct LiteIpcThreadCounters counters = Counters();
    assert_int_equal(LiteIpcReceive(service->thread, &event, 1), 1);
    assert_int_equal(event.message->spObjNum, 7);
    assert_int_equal(TestDescriptorCount(), before + 7 + 14);
    for (uint32_t i = 0; i < 7; i++) {
        close((int)ParcelGet(event.message, i, OBJ_FD).content.fd);
    }
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    assert_int_equal(LiteIpcReceive(service->thread, &event, 1), 1);
    for (uint32_t i = 0; i < 7; i++) {
        close((int)ParcelGet(event.message, i, OBJ_FD).content.fd);
    }
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    assert_true(EndpointIsQuiet(service)); /* the third lost them */
    assert_int_equal(Counters().dropped, counters.dropped + 1);
    assert_int_equal(TestDescriptorCount(), before);
}

/* Killed after its descriptors and before its record: TearDown sees that they are closed. */
static void KilledBetweenDescriptorsAndRecord(void **state)
{
    (void)state;
    SocketOpen();
    RightFdMessagePasses(1);
    assert_int_equal(Transmit(2, 3), 0);
}

/* The lane is closed for garbage while messages with descriptors wait in it. */
static void ClosedLaneKeepsNoDescriptors(void **state)
{
    struct LiteIpcEvent event;
    char byte;
    (void)state;
    SocketOpen();
    for (uint16_t number = 1; number < 4; number++) {
        assert_int_equal(Transmit(number, 2), 0);
        FdMessage(number, 2);
        assert_int_equal(Send(), 0);
    }
    assert_int_equal(Transmit(9, 2), 0);
    for (int i = 0; i < LANE_GARBAGE_MAX + 1; i++) {
        Begin(8, 0);
        out.record.type = MT_NUM;
        assert_int_equal(Send(), 0);
    }
    const IpcMsg *held[3];
    for (unsigned n = 0; n < 3; n++) {
        while (LiteIpcReceive(service->thread, &event, 1) != 1) {
        }
        held[n] = event.message;
        for (uint32_t i = 0; i < 2; i++) {
            int descriptor = (int)ParcelGet(event.message, i, OBJ_FD).content.fd;
            assert_true(fcntl(descriptor, F_GETPIPE_SZ) > 0);
            assert_int_equal(close(descriptor), 0);
        }
    }
    assert_true(EndpointIsQuiet(service));
    assert_int_equal(Counters().lanesClosedForGarbage, 1);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* while the messages are still held */
    ends[1] = dup(0);
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(LiteIpcFree(service->thread, held[n]), 0);
    }
}

static void UnaskedAnswersCloseTheirDescriptors(void **state)
{
    (void)state;
    SocketOpen();
    FdMessage(7, 1);
    out.record.type = MT_REPLY;
    out.record.callIndex = 1;
    assert_int_equal(Transmit(7, 1), 0);
    Dropped(); /* nobody asked it: its descriptors are closed, as TearDown sees */
}

/* ---- the sender's side: a receiver that lies --------------------------------------------------------- */

static void TheKernelsCountOutweighsTheReceivers(void **state)
{
    static _Alignas(64) char cursors[RING_CURSORS_SIZE];
    struct DescriptorBatch batch;
    int pair[2];
    int some[IPC_DESCRIPTORS_MAX];
    (void)state;

    memset(cursors, 0, sizeof(cursors));
    for (unsigned i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
        some[i] = ends[1];
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                     0);
    struct OutboundLane lane = {
        .socket = pair[0], .cursors = cursors, .datagramSize = DescriptorDatagramSize()};
    assert_int_not_equal(lane.datagramSize, 0);
    assert_int_equal(DescriptorsInFlight(&lane), 0);
    for (uint16_t number = 1; number <= 5; number++) {
        assert_int_equal(DescriptorsTransmit(lane.socket, number, some, number), 0);
        lane.descriptorBatch = number;
        lane.batchCounts[number % IPC_DESCRIPTORS_MAX] = (uint8_t)number;
        lane.descriptorsSent += number;
    }
    assert_int_equal(DescriptorsInFlight(&lane), 15);
    DescriptorsTakenAdd(cursors, 15); /* it says that it took them all */
    assert_int_equal(DescriptorsInFlight(&lane), 15);
    for (uint32_t left = 15, number = 1; number <= 5; number++) {
        assert_int_equal(DescriptorsTake(pair[1], &batch), 1);
        assert_int_equal(batch.number, number);
        assert_int_equal(batch.count, number);
        for (uint32_t i = 0; i < batch.count; i++) {
            close(batch.descriptors[i]);
        }
        left -= number;
        assert_int_equal(DescriptorsInFlight(&lane), left);
    }
    DescriptorsTakenAdd(cursors, 1); /* more than there were: nothing can be sent any more */
    assert_true(DescriptorsInFlight(&lane) > IPC_DESCRIPTORS_MAX);
    close(pair[0]);
    assert_int_equal(DescriptorsTake(pair[1], &batch), 0);
    close(pair[1]);
}

/* ---- the domain's side ------------------------------------------------------------------------------- */

static void TheDomainMakesOneSocketPerLane(void **state)
{
    struct ControlMessage message = {.type = CONTROL_LANE_SOCKET};
    int received[CONTROL_DESCRIPTORS_MAX];
    int other = -1;
    (void)state;

    for (uint32_t id = 0; id < 20; id++) {
        message.object.id = id == 19 ? UINT32_MAX : hostile.lane.laneID + 1 + id;
        message.type = CONTROL_LANE_SOCKET;
        assert_int_equal(TestCall(&hostile.process.thread.socket, &message, NULL, 0, received),
                         -ENOENT);
    }
    SocketOpen();
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(HostileSocket(&hostile, &other), -EEXIST);
        assert_int_equal(other, -1);
    }
    RightFdMessagePasses(1);
    LaneOpen(service);
    SocketOpen(); /* another lane, another socket */
    RightFdMessagePasses(1);
}

static int Grant(uint32_t caller, uint32_t processID, uint32_t generation, uint32_t handle)
{
    struct ControlMessage message = {.type = CONTROL_GRANT_ACCESS,
                                     .access = {.callerTaskID = caller,
                                                .processID = processID,
                                                .processGeneration = generation,
                                                .serviceHandle = handle}};
    int received[CONTROL_DESCRIPTORS_MAX];
    return TestCall(&hostile.process.thread.socket, &message, NULL, 0, received);
}

static void TheDomainChecksWhatIsPassedOn(void **state)
{
    uint32_t own = hostile.process.taskID;
    uint32_t clientProcess = client->device->identity.processID;
    uint32_t generation = client->device->identity.generation;
    (void)state;

    assert_int_equal(Grant(own, clientProcess, generation, client->taskID), -EACCES);
    assert_int_equal(Grant(own, clientProcess, generation, trio.manager.taskID), -EACCES);
    assert_int_equal(Grant(own, hostile.process.client.identity.processID, 0, client->taskID),
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
        HOSTILE_TEST(RightObjectsAreDelivered),
        HOSTILE_TEST(WrongBufferSizesAreMalformed),
        HOSTILE_TEST(WrongOffsetsAreMalformed),
        HOSTILE_TEST(UnknownTypesAreMalformed),
        HOSTILE_TEST(ForgedServiceGivesNoRight),
        HOSTILE_TEST(LimitsHoldForBuffers),
        HOSTILE_TEST(NumbersWithoutASocketAreMalformed),
        HOSTILE_TEST(NumbersThatDoNotFitTheObjectsAreMalformed),
        HOSTILE_TEST(MessagesWithoutTheirDescriptorsAreDropped),
        HOSTILE_TEST(OddDatagramsAreThrownAway),
        HOSTILE_TEST(DescriptorsWithoutRecords),
        HOSTILE_TEST(NotMuchIsKept),
        HOSTILE_TEST(KilledBetweenDescriptorsAndRecord),
        HOSTILE_TEST(ClosedLaneKeepsNoDescriptors),
        HOSTILE_TEST(UnaskedAnswersCloseTheirDescriptors),
        HOSTILE_TEST(TheKernelsCountOutweighsTheReceivers),
        HOSTILE_TEST(TheDomainMakesOneSocketPerLane),
        HOSTILE_TEST(TheDomainChecksWhatIsPassedOn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
