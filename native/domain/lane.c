#include "domain/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "domain/lane_open.h"
#include "domain/process.h"

bool DomainIsSealedMemory(int descriptor, uint64_t size)
{
    const int required = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    struct stat facts;
    struct statfs system;
    int seals = fcntl(descriptor, F_GET_SEALS);

    /* Not huge pages: reading a hole of them may end in SIGBUS. */
    return seals >= 0 && (seals & required) == required && (seals & F_SEAL_WRITE) == 0 &&
           fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) &&
           (uint64_t)facts.st_size == size && fstatfs(descriptor, &system) == 0 &&
           system.f_type == TMPFS_MAGIC;
}

void DomainLaneEndFree(struct Domain *domain, struct DomainThread *thread,
                       struct DomainLaneEnd *end)
{
    ListRemove(&end->link);
    thread->laneEndCount--;
    DomainUserRefund(domain, thread->process->user, GOOD_LANE_END);
    close(end->cursors);
    BellClose(&end->bell);
    free(end);
}

static int Deposit(struct Domain *domain, struct DomainThread *thread, struct DomainInput *input)
{
    struct DomainLaneEnd *end;

    if (input->descriptors[2] < 0) {
        return input->descriptorsLost ? -EMFILE : -EINVAL;
    }
    if (!DomainIsSealedMemory(input->descriptors[0], CURSORS_SIZE) ||
        !BellIsEnd(input->descriptors[1], false) || !BellIsEnd(input->descriptors[2], true)) {
        return -EINVAL;
    }
    if (thread->laneEndCount >= CONTROL_LANE_ENDS_MAX ||
        !DomainUserCharge(domain, thread->process->user, GOOD_LANE_END)) {
        return -ENOMEM;
    }
    end = calloc(1, sizeof(*end));
    if (end == NULL) {
        DomainUserRefund(domain, thread->process->user, GOOD_LANE_END);
        return -ENOMEM;
    }
    end->endID = input->message.object.id;
    end->cursors = DomainInputTake(input, 0);
    end->bell =
        (struct Bell){.listen = DomainInputTake(input, 1), .ring = DomainInputTake(input, 2)};
    ListAppend(&thread->laneEnds, &end->link);
    thread->laneEndCount++;
    return 0;
}

void DomainLaneDeposit(struct Domain *domain, struct DomainThread *thread,
                       struct DomainInput *input)
{
    int status = Deposit(domain, thread, input);

    if (status == -EINVAL) {
        /* Not what a lane end is made of: as good as a malformed message. */
        DomainProcessDoom(domain, thread->process);
        return;
    }
    thread->restockAsked = false;
    /* Without an end there is nothing to wait for: those who wait are refused, not left waiting. */
    DomainParkedResume(domain, thread, status);
}

struct DomainLane *DomainLaneFind(struct Domain *domain, uint32_t laneID)
{
    uint32_t slot = laneID & 0xFFFF; /* from 1 on: no lane has the ID 0 */
    if (slot == 0 || slot > domain->limits.laneLimit) {
        return NULL;
    }
    struct DomainLane *lane = &domain->lanes[slot - 1];
    return lane->sender != NULL && lane->id == laneID ? lane : NULL;
}

void DomainLaneDrop(struct Domain *domain, struct DomainLane *lane)
{
    struct DomainProcess *sender = lane->sender;

    ListRemove(&lane->inSender);
    ListRemove(&lane->inReceiver);
    ListRemove(&lane->inLease);
    lane->sender = NULL;
    lane->lease = NULL;
    lane->receiver = NULL;
    ListAppend(&domain->freeLanes, &lane->link);
    DomainUserRefund(domain, sender->user, GOOD_LANE);
    DomainProcessSettle(domain, sender);
}

int DomainLaneLease(struct Domain *domain, struct DomainThread *thread, uint32_t laneID)
{
    struct DomainLane *lane = DomainLaneFind(domain, laneID);
    if (lane == NULL || lane->sender != thread->process) {
        return -ENOENT;
    }
    /* Which thread of the process writes is the process's own business: the ring is its memory. */
    ListRemove(&lane->inLease);
    ListAppend(&thread->leased, &lane->inLease);
    lane->lease = thread;
    return 0;
}

int DomainLaneClose(struct Domain *domain, struct DomainThread *thread, uint32_t laneID)
{
    struct DomainLane *lane = DomainLaneFind(domain, laneID);
    struct ControlMessage event = {.type = CONTROL_EVENT_LANE_CLOSED, .object.id = laneID};

    if (lane == NULL || (lane->sender != thread->process && lane->receiver != thread)) {
        return -ENOENT;
    }
    /* An unleased lane needs no event: whoever wants to lease it is told that it is gone. */
    struct DomainThread *other = lane->receiver == thread ? lane->lease : lane->receiver;
    DomainLaneDrop(domain, lane);
    if (other != NULL && other != thread) {
        DomainSendThread(domain, other, &event, NULL, 0);
    }
    return 0;
}

void DomainLaneDrained(struct Domain *domain, struct DomainThread *thread, uint32_t laneID)
{
    struct DomainLane *lane = DomainLaneFind(domain, laneID);
    if (lane != NULL && lane->receiver == thread && lane->sender->state == CONTROL_DEAD) {
        DomainLaneDrop(domain, lane);
    }
}

void DomainLanesOfThreadEnd(struct Domain *domain, struct DomainThread *thread)
{
    DomainParkedResume(domain, thread, -EINVAL);
    DomainParkedForget(domain, thread);
    LIST_EACH_REMOVABLE (node, &thread->laneEnds) {
        DomainLaneEndFree(domain, thread, LIST_ENTRY(node, struct DomainLaneEnd, link));
    }
    LIST_EACH_REMOVABLE (node, &thread->leased) {
        struct DomainLane *lane = LIST_ENTRY(node, struct DomainLane, inLease);
        ListRemove(&lane->inLease);
        lane->lease = NULL;
    }
    LIST_EACH_REMOVABLE (node, &thread->inbound) {
        DomainLaneDrop(domain, LIST_ENTRY(node, struct DomainLane, inReceiver));
    }
}

/* Nothing is kept for a receiver that does not read: the sender can try again. */
static int LaneSocketMake(struct Domain *domain, struct DomainLane *lane, int *senderEnd)
{
    struct ControlMessage event = {.type = CONTROL_EVENT_LANE_SOCKET, .object = {.id = lane->id}};
    struct DomainThread *receiver = lane->receiver;
    int ends[2];

    if (receiver->socket.waiting > 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
        return -ENOMEM;
    }
    int status = DomainTransmit(receiver->socket.descriptor, &event, &ends[0], 1);
    close(ends[0]);
    if (status != 0) {
        close(ends[1]);
        return -ENOMEM;
    }
    ControlThreadNotify(ControlThreadAt(domain->table, receiver->id));
    lane->socketMade = true;
    *senderEnd = ends[1];
    return 0;
}

void DomainLaneSocket(struct Domain *domain, struct DomainThread *thread,
                      const struct ControlMessage *request)
{
    struct DomainLane *lane = DomainLaneFind(domain, request->object.id);
    struct ControlMessage answer = *request;
    int end = -1;

    if (lane == NULL || lane->lease != thread) {
        answer.status = -ENOENT;
    } else {
        answer.status = lane->socketMade ? -EEXIST : LaneSocketMake(domain, lane, &end);
    }
    DomainSendThread(domain, thread, &answer, &end, answer.status == 0 ? 1 : 0);
    if (end >= 0) {
        close(end);
    }
}
