#include "domain/lane.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domain/lane_end.h"
#include "domain/lane_open.h"
#include "domain/reclaim.h"
#include "domain/user.h"

void DomainLaneDeposit(struct Domain *domain, struct DomainThread *thread,
                       struct DomainInput *input)
{
    int status = DomainLaneEndAdd(domain, thread, input);

    if (status == -EINVAL) {
        /* The descriptors are not those of a lane end: treated like a malformed message. */
        DomainProcessTerminate(domain, thread->process);
        return;
    }
    thread->restockRequested = false;
    /* If the deposit failed, requests that wait for it are refused. */
    DomainParkedResume(domain, thread, status);
}

static struct DomainLane *LaneFind(struct Domain *domain, uint32_t laneID)
{
    uint32_t slot = laneID & 0xFFFF; /* starts at 1: no lane has the ID 0 */
    if (slot == 0 || slot > domain->limits.laneLimit) {
        return NULL;
    }
    struct DomainLane *lane = &domain->lanes[slot - 1];
    return lane->sender != NULL && lane->id == laneID ? lane : NULL;
}

static void LaneDrop(struct Domain *domain, struct DomainLane *lane)
{
    struct DomainProcess *sender = lane->sender;

    ListRemove(&lane->inSender);
    ListRemove(&lane->inReceiver);
    ListRemove(&lane->inLease);
    lane->sender = NULL;
    lane->lease = NULL;
    lane->receiver = NULL;
    ListAppend(&domain->freeLanes, &lane->link);
    DomainUserRefund(domain, sender->user, RESOURCE_LANE);
    DomainProcessReclaim(domain, sender);
}

int DomainLaneLease(struct Domain *domain, struct DomainThread *thread, uint32_t laneID)
{
    struct DomainLane *lane = LaneFind(domain, laneID);
    if (lane == NULL || lane->sender != thread->process) {
        return -ENOENT;
    }
    /* Any thread of the process may write: the ring is memory of the process. */
    ListRemove(&lane->inLease);
    ListAppend(&thread->leased, &lane->inLease);
    lane->lease = thread;
    return 0;
}

int DomainLaneClose(struct Domain *domain, struct DomainThread *thread, uint32_t laneID)
{
    struct DomainLane *lane = LaneFind(domain, laneID);
    struct ControlMessage event = {.type = CONTROL_EVENT_LANE_CLOSED, .object.id = laneID};

    if (lane == NULL || (lane->sender != thread->process && lane->receiver != thread)) {
        return -ENOENT;
    }
    /* An unleased lane needs no event: the next lease fails with -ENOENT. */
    struct DomainThread *other = lane->receiver == thread ? lane->lease : lane->receiver;
    LaneDrop(domain, lane);
    if (other != NULL && other != thread) {
        DomainSendThread(domain, other, &event, NULL, 0);
    }
    return 0;
}

void DomainLaneDrained(struct Domain *domain, struct DomainThread *thread, uint32_t laneID)
{
    struct DomainLane *lane = LaneFind(domain, laneID);
    if (lane != NULL && lane->receiver == thread && lane->sender->state == CONTROL_DEAD) {
        LaneDrop(domain, lane);
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
        LaneDrop(domain, LIST_ENTRY(node, struct DomainLane, inReceiver));
    }
}

/* Fails if the receiver does not read its control socket: the sender can try again. */
static int LaneSocketMake(struct Domain *domain, struct DomainLane *lane, int *senderEnd)
{
    struct ControlMessage event = {.type = CONTROL_EVENT_LANE_SOCKET, .object = {.id = lane->id}};
    struct DomainThread *receiver = lane->receiver;
    int ends[2];

    if (receiver->socket.queued > 0 ||
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
    struct DomainLane *lane = LaneFind(domain, request->object.id);
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
