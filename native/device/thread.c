/* Creates and destroys threads and tasks. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "device/process.h"
#include "kernel/control_events.h"
#include "kernel/inbound_lanes.h"
#include "kernel/outbound.h"
#include "kernel/sleep.h"
#include "kernel/task.h"
#include "kernel/thread_control.h"
#include "liteipc/liteipc.h"

/* An array indexed by ID. Pages that are never used take no memory: most IDs are not used. */
static void *SparseArray(size_t count, size_t elementSize)
{
    void *memory = mmap(NULL, count * elementSize, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(memory, count * elementSize, MADV_DONTFORK); /* a child does not use it */
    return memory;
}

static void SparseArrayFree(void *array, size_t count, size_t elementSize)
{
    if (array != NULL) {
        (void)munmap(array, count * elementSize);
    }
}

static int Watch(struct LiteIpcThread *thread, int descriptor, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    return epoll_ctl(thread->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : -errno;
}

static void ThreadFree(struct LiteIpcThread *thread)
{
    const struct ControlLimits *limits = &thread->device->table->limits;
    InboundRelease(thread);
    OutboundRelease(thread);
    SparseArrayFree(thread->outbound, limits->threadLimit, sizeof(*thread->outbound));
    SparseArrayFree(thread->taskByID, limits->taskLimit, sizeof(*thread->taskByID));
    int descriptors[] = {thread->epoll, thread->nudge, thread->controlSocket};
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
        OwnedClose(&thread->device->owned, descriptors[i]);
    }
    free(thread->candidates);
    free(thread->deaths);
    free(thread->pending);
    free(thread->notices.notices);
    free(thread);
}

static int WaitingSetUp(struct LiteIpcThread *thread)
{
    struct OwnedDescriptors *owned = &thread->device->owned;
    OwnedEnter(owned);
    thread->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (thread->epoll >= 0) {
        OwnedAdd(owned, &thread->epoll, 1);
        thread->nudge = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (thread->nudge >= 0) {
        OwnedAdd(owned, &thread->nudge, 1);
    }
    OwnedLeave(owned);
    return thread->epoll >= 0 && thread->nudge >= 0 ? 0 : -ENOMEM;
}

static int ThreadSetUp(struct LiteIpcThread *thread)
{
    const struct ControlLimits *limits = &thread->device->table->limits;
    thread->outbound = SparseArray(limits->threadLimit, sizeof(*thread->outbound));
    thread->taskByID = SparseArray(limits->taskLimit, sizeof(*thread->taskByID));
    if (thread->outbound == NULL || thread->taskByID == NULL || WaitingSetUp(thread) != 0) {
        return -ENOMEM;
    }
    struct ControlMessage message = {.type = CONTROL_THREAD_CREATE};
    int status = ProcessControlCall(thread->device, &message, &thread->controlSocket);
    if (status != 0) {
        return status;
    }
    if (message.object.id == 0 || message.object.id >= limits->threadLimit) {
        return -EPROTO;
    }
    thread->threadID = message.object.id;
    thread->generation = message.object.generation;
    thread->entry = ControlThreadAt(thread->device->table, thread->threadID);
    status = Watch(thread, thread->controlSocket, EPOLLIN, thread);
    if (status == 0) {
        /* Edge-triggered and never read, like the bells. */
        status = Watch(thread, thread->nudge, EPOLLIN | EPOLLET, NULL);
    }
    return status;
}

int LiteIpcThreadCreate(struct LiteIpcDevice *device, struct LiteIpcThread **thread)
{
    if (device == NULL || thread == NULL) {
        return -EINVAL;
    }
    struct LiteIpcThread *created = calloc(1, sizeof(*created));
    if (created == NULL) {
        return -ENOMEM;
    }
    created->device = device;
    created->controlHandler = ThreadControlHandle;
    created->epoll = created->nudge = created->controlSocket = -1;
    created->spinLimit = SPIN_LIMIT_DEFAULT;
    LOS_ListInit(&created->lanes);
    LOS_ListInit(&created->rang);
    LOS_ListInit(&created->outboundLanes);
    LOS_ListInit(&created->tasks);
    LOS_ListInit(&created->endedTasks);
    LOS_ListInit(&created->ready);
    int status = ThreadSetUp(created);
    if (status != 0) {
        ThreadFree(created);
        return status;
    }
    (void)pthread_mutex_lock(&device->lock);
    LOS_ListTailInsert(&device->threads, &created->listNode);
    (void)pthread_mutex_unlock(&device->lock);
    InboundRestock(created, CONTROL_LANE_ENDS_INITIAL);
    *thread = created;
    return 0;
}

void LiteIpcThreadDestroy(struct LiteIpcThread *thread)
{
    if (thread == NULL) {
        return;
    }
    struct LiteIpcDevice *device = thread->device;
    struct ControlMessage message = {.type = CONTROL_THREAD_EXIT};
    (void)ThreadControlCall(thread, &message);
    while (!LOS_ListEmpty(&thread->tasks)) {
        TaskForget(LOS_DL_LIST_ENTRY(thread->tasks.pstNext, struct LiteIpcTask, listNode));
    }
    TasksFreeEnded(thread);
    /* After the last hook: LOS_HookUnReg waits for the threads of this list. */
    (void)pthread_mutex_lock(&device->lock);
    LOS_ListDelete(&thread->listNode);
    (void)pthread_mutex_unlock(&device->lock);
    ThreadFree(thread);
}

int LiteIpcThreadDescriptor(const struct LiteIpcThread *thread)
{
    return thread->epoll;
}

void LiteIpcThreadSetSpin(struct LiteIpcThread *thread, uint64_t limitNs)
{
    thread->spinLimit = limitNs;
}

int LiteIpcTaskCreate(struct LiteIpcThread *thread, struct LiteIpcTask **task)
{
    if (thread == NULL || task == NULL) {
        return -EINVAL;
    }
    struct ControlMessage message = {.type = CONTROL_TASK_CREATE};
    int status = ThreadControlCall(thread, &message);
    if (status == 0) {
        status = TaskAdopt(thread, message.object.id, message.object.generation, task);
    }
    return status;
}

void LiteIpcTaskExit(struct LiteIpcTask *task)
{
    if (task == NULL) {
        return;
    }
    struct ControlMessage message = {.type = CONTROL_TASK_EXIT, .object = {.id = task->taskID}};
    (void)ThreadControlCall(task->thread, &message);
    struct LiteIpcThread *thread = task->thread;
    TaskForget(task);
    TasksFreeEnded(thread);
}

uint32_t LiteIpcTaskID(const struct LiteIpcTask *task)
{
    return task->taskID;
}

uint32_t LiteIpcTaskGeneration(const struct LiteIpcTask *task)
{
    return task->generation;
}

struct LiteIpcThread *LiteIpcTaskThread(const struct LiteIpcTask *task)
{
    return task->thread;
}
