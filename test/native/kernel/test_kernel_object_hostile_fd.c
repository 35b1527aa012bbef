/*
 * Tests descriptors from a sender that writes arbitrary data into its lane and the lane's socket.
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

static struct Endpoint *const service = &trio.service;

/* ---- descriptors ----------------------------------------------------------------------------- */

static void NumbersWithoutASocketAreMalformed(void **state)
{
    (void)state;
    for (uint16_t i = 1; i < 5; i++) {
        ForgeFdMessage(i, 1);
        ForgeMalformed();
    }
    ForgeSocket(); /* it can still be opened afterwards */
    ForgeValidDescriptorsArrive(1);
}

static void NumbersThatDoNotFitTheObjectsAreMalformed(void **state)
{
    (void)state;
    ForgeSocket();
    ForgeFdMessage(0, 1); /* a descriptor, but no number */
    ForgeMalformed();
    ForgeBegin(8, 0); /* a number, but no object */
    forge.record.descriptors = 1;
    assert_int_equal(ForgeTransmit(1, 1), 0);
    ForgeMalformed();
    ForgeFdMessage(2, IPC_DESCRIPTORS_MAX + 1);
    assert_int_equal(ForgeTransmit(2, IPC_DESCRIPTORS_MAX), 0);
    ForgeMalformed();
    ForgeValidDescriptorsArrive(3);
}

static void MessagesWithoutTheirDescriptorsAreDropped(void **state)
{
    size_t before;
    (void)state;
    ForgeSocket();
    ForgeValidDescriptorsArrive(1);
    before = TestDescriptorsSettled();
    for (uint16_t i = 2; i < 40; i++) {
        ForgeFdMessage(i, 1);
        if (i % 3 == 0) {
            assert_int_equal(ForgeTransmit(i, 2), 0); /* more than the message declares */
        } else if (i % 3 == 1) {
            assert_int_equal(ForgeTransmit((uint16_t)(i + 1000), 1), 0); /* of another message */
        }
        ForgeDropped();
        assert_true(TestDescriptorCountIs(before));
    }
    ForgeValidDescriptorsArrive(50);
}

static void InvalidDatagramsAreDiscarded(void **state)
{
    static const struct {
        uint16_t number, count;
    } label[] = {{3, 4}, {0, 1}, {3, 0}, {3, UINT16_MAX}};
    size_t before;
    (void)state;
    ForgeSocket();
    ForgeValidDescriptorsArrive(1);
    before = TestDescriptorsSettled();
    for (unsigned i = 0; i < 4; i++) {
        ForgeTransmitRaw(&label[i], sizeof(label[i]), 1);
        ForgeTransmitRaw(&label[i], sizeof(label[i]), 50);
        ForgeTransmitRaw(&label[i], sizeof(label[i]), 0);
        ForgeTransmitRaw(&label[i], 3, 2);
        ForgeTransmitRaw(&forge.body, 1000, 2);
        ForgeValidDescriptorsArrive((uint16_t)(10 + i));
        assert_true(TestDescriptorCountIs(before));
    }
}

/*
 * Descriptors without a record remain in the lane's socket while the lane exists, and nowhere else.
 */
static void DescriptorsWithoutRecords(void **state)
{
    (void)state;
    ForgeSocket();
    ForgeValidDescriptorsArrive(1);
    size_t before = TestDescriptorsSettled();
    unsigned sent = 0;
    while (sent < 1000 && ForgeTransmit((uint16_t)(100 + sent), IPC_DESCRIPTORS_MAX) == 0) {
        sent++;
    }
    assert_true(sent > 16);
    assert_true(EndpointIsQuiet(service));
    assert_true(TestDescriptorCountIs(before));
    for (unsigned i = 0; i < 10; i++) {
        ForgeFdMessage(5, 1); /* the search for its descriptors is bounded */
        ForgeDropped();
        assert_true(TestDescriptorCountIs(before));
    }
}

/*
 * Descriptors that arrive out of order are stored while other messages of the lane are queued, but
 * at most 16.
 */
static void StoredDescriptorsAreLimited(void **state)
{
    (void)state;
    ForgeSocket();
    ForgeValidDescriptorsArrive(1);
    size_t before = TestDescriptorsSettled();
    for (uint16_t number = 2; number < 12; number++) {
        assert_int_equal(ForgeTransmit(number, 7), 0);
    }
    ForgeFdMessage(11, 7);
    assert_int_equal(ForgeSend(), 0);
    ForgeFdMessage(2, 7);
    assert_int_equal(ForgeSend(), 0);
    ForgeFdMessage(8, 7);
    assert_int_equal(ForgeSend(), 0);
    struct LiteIpcEvent event;
    struct LiteIpcThreadCounters counters = ForgeCounters();
    assert_int_equal(LiteIpcReceive(service->thread, &event, 1), 1);
    assert_int_equal(event.message->spObjNum, 7);
    assert_true(TestDescriptorCountIs(before + 7 + 14));
    for (uint32_t i = 0; i < 7; i++) {
        close((int)ParcelGet(event.message, i, OBJ_FD).content.fd);
    }
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    assert_int_equal(LiteIpcReceive(service->thread, &event, 1), 1);
    for (uint32_t i = 0; i < 7; i++) {
        close((int)ParcelGet(event.message, i, OBJ_FD).content.fd);
    }
    assert_int_equal(LiteIpcFree(service->thread, event.message), 0);
    assert_true(EndpointIsQuiet(service)); /* the third message lost its descriptors */
    assert_int_equal(ForgeCounters().dropped, counters.dropped + 1);
    assert_true(TestDescriptorCountIs(before));
}

/*
 * The sender is killed after its descriptors and before its record; TearDown checks that they are
 * closed.
 */
static void KilledBetweenDescriptorsAndRecord(void **state)
{
    (void)state;
    ForgeSocket();
    ForgeValidDescriptorsArrive(1);
    assert_int_equal(ForgeTransmit(2, 3), 0);
}

/* The lane is closed because of garbage while messages with descriptors are queued in it. */
static void ClosedLaneHoldsNoDescriptors(void **state)
{
    struct LiteIpcEvent event;
    char byte;
    (void)state;
    ForgeSocket();
    for (uint16_t number = 1; number < 4; number++) {
        assert_int_equal(ForgeTransmit(number, 2), 0);
        ForgeFdMessage(number, 2);
        assert_int_equal(ForgeSend(), 0);
    }
    assert_int_equal(ForgeTransmit(9, 2), 0);
    for (int i = 0; i < LANE_GARBAGE_MAX + 1; i++) {
        ForgeBegin(8, 0);
        forge.record.type = MT_NUM;
        assert_int_equal(ForgeSend(), 0);
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
    assert_int_equal(ForgeCounters().lanesClosedForGarbage, 1);
    close(forge.ends[1]);
    assert_int_equal(read(forge.ends[0], &byte, 1), 0); /* while the messages are still held */
    forge.ends[1] = dup(0);
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(LiteIpcFree(service->thread, held[n]), 0);
    }
}

static void UnrequestedAnswersCloseTheirDescriptors(void **state)
{
    (void)state;
    ForgeSocket();
    ForgeFdMessage(7, 1);
    forge.record.type = MT_REPLY;
    forge.record.callIndex = 1;
    assert_int_equal(ForgeTransmit(7, 1), 0);
    ForgeDropped(); /* unrequested: its descriptors are closed, which TearDown checks */
}

/*
 * ---- the sender's side: a receiver with a forged count ----------------------------------------
 */

static void TheKernelsCountLimitsTheReceivers(void **state)
{
    static _Alignas(64) char cursors[RING_CURSORS_SIZE];
    struct OwnedDescriptors owned;
    struct DescriptorBatch batch;
    int pair[2];
    int some[IPC_DESCRIPTORS_MAX];
    (void)state;

    assert_int_equal(OwnedInit(&owned), 0);
    memset(cursors, 0, sizeof(cursors));
    for (unsigned i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
        some[i] = forge.ends[1];
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
    DescriptorsTakenAdd(cursors, 15); /* claims to have taken all */
    assert_int_equal(DescriptorsInFlight(&lane), 15);
    for (uint32_t left = 15, number = 1; number <= 5; number++) {
        assert_int_equal(DescriptorsTake(&owned, pair[1], &batch), 1);
        assert_int_equal(batch.number, number);
        assert_int_equal(batch.count, number);
        DescriptorsDiscard(&owned, batch.descriptors, batch.count);
        left -= number;
        assert_int_equal(DescriptorsInFlight(&lane), left);
    }
    DescriptorsTakenAdd(cursors, 1); /* more than were sent: nothing can be sent any more */
    assert_true(DescriptorsInFlight(&lane) > IPC_DESCRIPTORS_MAX);
    close(pair[0]);
    assert_int_equal(DescriptorsTake(&owned, pair[1], &batch), 0);
    close(pair[1]);
    OwnedDestroy(&owned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FORGE_TEST(NumbersWithoutASocketAreMalformed),
        FORGE_TEST(NumbersThatDoNotFitTheObjectsAreMalformed),
        FORGE_TEST(MessagesWithoutTheirDescriptorsAreDropped),
        FORGE_TEST(InvalidDatagramsAreDiscarded),
        FORGE_TEST(DescriptorsWithoutRecords),
        FORGE_TEST(StoredDescriptorsAreLimited),
        FORGE_TEST(KilledBetweenDescriptorsAndRecord),
        FORGE_TEST(ClosedLaneHoldsNoDescriptors),
        FORGE_TEST(UnrequestedAnswersCloseTheirDescriptors),
        FORGE_TEST(TheKernelsCountLimitsTheReceivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
