#include "domain/lane_open.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "domain/lane_end.h"
#include "domain/user.h"

#define RING_SIZE_UNIT 4096U
/* The largest ring: the receiver's pool size times RING_POOL_FACTOR, plus RING_EXTRA bytes. */
#define RING_POOL_FACTOR 4U
#define RING_EXTRA       (1U << 20)

/* Returns the task of a request, or null. Handle 0 is the ServiceManager's task. */
static struct DomainTask *Destination(struct Domain *domain, const struct ControlLaneOpen *request)
{
    uint32_t taskID = request->taskID;
    uint32_t generation = request->generation;
    if (taskID == 0) {
        /* relaxed: only this thread writes it */
        uint64_t cms = atomic_load_explicit(&domain->table->cms, memory_order_relaxed);
        taskID = (uint32_t)cms;
        if (generation == 0) {
            generation = (uint32_t)(cms >> 32);
        }
    }
    return DomainTaskFind(domain, taskID, generation);
}

static uint32_t LanesBetween(const struct DomainProcess *sender,
                             const struct DomainProcess *receiver)
{
    uint32_t count = 0;
    LIST_EACH (node, &sender->outbound) {
        if (LIST_ENTRY(node, struct DomainLane, inSender)->receiver->process == receiver) {
            count++;
        }
    }
    return count;
}

static bool IsEntitled(const struct Domain *domain, const struct DomainProcess *sender,
                       const struct DomainProcess *receiver, bool isReply)
{
    /* relaxed: only this thread writes it */
    uint32_t cms = (uint32_t)atomic_load_explicit(&domain->table->cms, memory_order_relaxed);
    return sender == receiver || (cms != 0 && domain->tasks[cms].process == receiver) ||
           DomainHasRight(domain, sender, receiver) || DomainHasRight(domain, receiver, sender) ||
           /*
            * A reply needs no right while a lane from the caller exists: the CMS's callers, or a
            * caller whose right was revoked after it had sent the request.
            */
           (isReply && LanesBetween(receiver, sender) > 0);
}

/* Checks everything but the lane end. 0 with the destination, or the reason for a refusal. */
static int Check(struct Domain *domain, const struct DomainThread *thread,
                 const struct ControlLaneOpen *request, int ring, struct DomainTask **destination)
{
    const struct DomainProcess *sender = thread->process;
    struct DomainTask *source = DomainTaskFind(domain, request->sourceTaskID, 0);
    struct DomainTask *task = Destination(domain, request);
    uint32_t opened =
        /* relaxed: only this thread writes it */
        atomic_load_explicit(&DomainProcessEntry(domain, sender)->opened, memory_order_relaxed);

    if (source == NULL || source->thread != thread || task == NULL || opened == 0) {
        return -EINVAL;
    }
    const struct DomainProcess *receiver = task->process;
    if (!IsEntitled(domain, sender, receiver, request->isReply == 1)) {
        return -EACCES;
    }
    const struct ControlProcess *entry = DomainProcessEntry(domain, receiver);
    /* relaxed: only this thread writes them */
    uint64_t poolSize = atomic_load_explicit(&entry->poolSize, memory_order_relaxed);
    if (atomic_load_explicit(&entry->opened, memory_order_relaxed) == 0) {
        return -EINVAL;
    }
    if (poolSize == 0) {
        return -ENOMEM;
    }
    if (request->ringSize == 0 || request->ringSize % RING_SIZE_UNIT != 0 ||
        request->ringSize > poolSize * RING_POOL_FACTOR + RING_EXTRA ||
        !DomainIsSealedMemory(ring, request->ringSize)) {
        return -EINVAL;
    }
    if (sender != receiver && LanesBetween(sender, receiver) >= CONTROL_LANES_PER_PAIR) {
        return -ENOMEM;
    }
    *destination = task;
    return 0;
}

static void RequestEnds(struct Domain *domain, struct DomainThread *thread)
{
    struct ControlMessage event = {.type = CONTROL_EVENT_RESTOCK,
                                   .object.id = CONTROL_LANE_ENDS_INITIAL};
    uint32_t parked = 0;

    if (thread->restockRequested) {
        return;
    }
    LIST_EACH (node, &thread->parkedInbound) {
        parked++;
    }
    event.object.id += parked;
    thread->restockRequested = true;
    DomainSendThread(domain, thread, &event, NULL, 0);
}

/* Joins the ring with a lane end of the receiver, which has one, and notifies both threads. */
static int Connect(struct Domain *domain, struct DomainThread *thread, uint32_t requestID,
                   const struct ControlLaneOpen *request, int ring, struct DomainTask *task)
{
    struct DomainThread *receiver = task->thread;
    struct DomainProcess *sender = thread->process;

    if (ListIsEmpty(&domain->freeLanes) || !DomainUserCharge(domain, sender->user, RESOURCE_LANE)) {
        return -ENOMEM;
    }
    struct DomainLane *lane = LIST_ENTRY(ListTake(&domain->freeLanes), struct DomainLane, link);
    struct DomainLaneEnd *end = LIST_ENTRY(receiver->laneEnds.next, struct DomainLaneEnd, link);
    lane->id += 1U << 16;
    lane->sender = sender;
    lane->lease = thread;
    lane->receiver = receiver;
    lane->socketMade = false;
    ListAppend(&sender->outbound, &lane->inSender);
    ListAppend(&receiver->inbound, &lane->inReceiver);
    ListAppend(&thread->leased, &lane->inLease);
    domain->kernel->taskInit(domain, task);

    struct ControlMessage event = {
        .type = CONTROL_EVENT_LANE,
        .laneNew = {.laneID = lane->id,
                    .endID = end->endID,
                    .processID = sender->id,
                    .processGeneration = sender->generation,
                    .ringSize = request->ringSize},
    };
    DomainSendThread(domain, receiver, &event, &ring, 1);

    struct ControlMessage answer = {
        .type = CONTROL_LANE_OPEN,
        .requestID = requestID,
        .laneOpened = {.laneID = lane->id,
                       .threadID = receiver->id,
                       .threadGeneration = receiver->generation},
    };
    DomainSendThread(domain, thread, &answer,
                     (int[]){end->cursors, end->bell.listen, end->bell.ring}, 3);
    DomainLaneEndFree(domain, receiver, end);
    if (receiver->laneEndCount <= 1) {
        RequestEnds(domain, receiver);
    }
    return 0;
}

/* Stores the request until the receiver deposits a lane end. Takes the ring on success. */
static int Park(struct Domain *domain, struct DomainThread *thread, uint32_t requestID,
                const struct ControlLaneOpen *request, int ring, struct DomainTask *task)
{
    struct DomainProcess *process = thread->process;
    struct DomainParked *parked;

    if (process->parked >= DOMAIN_PARKED_PER_PROCESS ||
        !DomainUserCharge(domain, process->user, RESOURCE_PARKED)) {
        return -ENOMEM;
    }
    parked = calloc(1, sizeof(*parked));
    if (parked == NULL) {
        DomainUserRefund(domain, process->user, RESOURCE_PARKED);
        return -ENOMEM;
    }
    parked->requester = thread;
    parked->requestID = requestID;
    parked->request = *request;
    /* The request stays bound to this task if its ID or the ServiceManager changes meanwhile. */
    parked->request.taskID = task->id;
    parked->request.generation = task->generation;
    parked->ring = ring;
    process->parked++;
    ListAppend(&task->thread->parkedInbound, &parked->inReceiver);
    ListAppend(&thread->parkedOutbound, &parked->inRequester);
    RequestEnds(domain, task->thread);
    return 0;
}

/* Removes a request from all lists and counts. The ring is still open. */
static void ParkedDetach(struct Domain *domain, struct DomainParked *parked)
{
    struct DomainProcess *process = parked->requester->process;
    ListRemove(&parked->inReceiver);
    ListRemove(&parked->inRequester);
    process->parked--;
    DomainUserRefund(domain, process->user, RESOURCE_PARKED);
}

static void ParkedFree(struct DomainParked *parked)
{
    close(parked->ring);
    free(parked);
}

static void Refuse(struct Domain *domain, struct DomainThread *thread, uint32_t requestID,
                   int status)
{
    struct ControlMessage answer = {
        .type = CONTROL_LANE_OPEN, .requestID = requestID, .status = status};
    DomainSendThread(domain, thread, &answer, NULL, 0);
}

void DomainLaneOpen(struct Domain *domain, struct DomainThread *thread, struct DomainInput *input)
{
    const struct ControlLaneOpen *request = &input->message.lane;
    uint32_t requestID = input->message.requestID;
    struct DomainTask *task;
    int status;

    if (input->descriptors[0] < 0 || input->descriptors[1] >= 0) {
        status = input->descriptorsLost ? -EMFILE : -EINVAL;
    } else {
        status = Check(domain, thread, request, input->descriptors[0], &task);
    }
    if (status == 0 && !ListIsEmpty(&task->thread->laneEnds)) {
        status = Connect(domain, thread, requestID, request, input->descriptors[0], task);
    } else if (status == 0) {
        status = Park(domain, thread, requestID, request, input->descriptors[0], task);
        if (status == 0) {
            (void)DomainInputTake(input, 0);
        }
    }
    if (status != 0) {
        Refuse(domain, thread, requestID, status);
    }
}

void DomainParkedResume(struct Domain *domain, struct DomainThread *receiver, int status)
{
    while (!ListIsEmpty(&receiver->parkedInbound) &&
           (status != 0 || !ListIsEmpty(&receiver->laneEnds))) {
        struct DomainParked *parked =
            LIST_ENTRY(receiver->parkedInbound.next, struct DomainParked, inReceiver);
        struct DomainTask *task;
        int result = status;
        ParkedDetach(domain, parked);
        if (!ListIsEmpty(&receiver->laneEnds)) {
            /* Checked again: rights, tasks and pools may have changed while the request waited. */
            result = Check(domain, parked->requester, &parked->request, parked->ring, &task);
            if (result == 0) {
                result = Connect(domain, parked->requester, parked->requestID, &parked->request,
                                 parked->ring, task);
            }
        }
        if (result != 0) {
            Refuse(domain, parked->requester, parked->requestID, result);
        }
        ParkedFree(parked);
    }
    if (status == 0 && !ListIsEmpty(&receiver->parkedInbound)) {
        RequestEnds(domain, receiver);
    }
}

void DomainParkedForget(struct Domain *domain, struct DomainThread *requester)
{
    LIST_EACH_REMOVABLE (node, &requester->parkedOutbound) {
        struct DomainParked *parked = LIST_ENTRY(node, struct DomainParked, inRequester);
        ParkedDetach(domain, parked);
        ParkedFree(parked);
    }
}
