#include "conformance/portable.h"

#include "conformance/device.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/lend.h"

/* Most descriptors of the device that a process holds at a time. */
#define OPEN_MAX_COUNT 64
/* Time limit for the end of a process, ms. */
#define END_MS 5000U

/* Exported by the shim; absent elsewhere. */
__attribute__((weak)) uint32_t LiteIpcShimTaskID(void);
__attribute__((weak)) uint32_t LiteIpcShimProcessID(void);
__attribute__((weak)) int LiteIpcShimPoolCount(size_t *nodes, size_t *bytes);

/* State of a worker on this platform. */
struct DeviceProcess {
    pthread_mutex_t lock;
    int descriptors[OPEN_MAX_COUNT]; /* the newest last */
    int count;
    int lent; /* a descriptor that another process opened, or -1 */
};

static const char *PathOf(const struct Actor *actor)
{
    return ((const struct DevicePath *)actor->worker->group->own)->path;
}

/* ---- the device ------------------------------------------------------------------------------ */

/* Returns the descriptor to call, or -1. */
static int Descriptor(struct DeviceProcess *process)
{
    (void)pthread_mutex_lock(&process->lock);
    int descriptor = process->count > 0 ? process->descriptors[process->count - 1] : process->lent;
    (void)pthread_mutex_unlock(&process->lock);
    return descriptor;
}

static int Open(struct Actor *actor)
{
    struct DeviceProcess *process = actor->worker->own;
    int descriptor = open(PathOf(actor), O_RDONLY);
    if (descriptor < 0) {
        return -errno;
    }
    (void)pthread_mutex_lock(&process->lock);
    bool isRoom = process->count < OPEN_MAX_COUNT;
    if (isRoom) {
        process->descriptors[process->count++] = descriptor;
    }
    (void)pthread_mutex_unlock(&process->lock);
    if (!isRoom) {
        (void)close(descriptor);
        return -EMFILE;
    }
    return 0;
}

static int Close(struct Actor *actor)
{
    struct DeviceProcess *process = actor->worker->own;
    (void)pthread_mutex_lock(&process->lock);
    int descriptor = process->count > 0 ? process->descriptors[--process->count] : -1;
    (void)pthread_mutex_unlock(&process->lock);
    return close(descriptor) == 0 ? 0 : -errno;
}

static int Map(struct Actor *actor, size_t size, int protection, int flags)
{
    void *address = mmap(NULL, size, protection, flags, Descriptor(actor->worker->own), 0);
    return address == MAP_FAILED ? -errno : 0;
}

static int Control(struct Actor *actor, unsigned int command, unsigned long argument)
{
    int result = ioctl(Descriptor(actor->worker->own), command, argument);
    return result >= 0 ? result : -errno;
}

/*
 * A process without a descriptor cannot call the device. The device has an answer for a process
 * that did not open it, so the call uses a descriptor that another process opened.
 */
static bool CanCall(struct Actor *actor)
{
    struct DeviceProcess *process = actor->worker->own;
    if (Descriptor(process) >= 0) {
        return true;
    }
    int lent = LendDescriptor(PathOf(actor));
    (void)pthread_mutex_lock(&process->lock);
    process->lent = lent;
    (void)pthread_mutex_unlock(&process->lock);
    return lent >= 0;
}

static int Pool(struct Actor *actor, size_t *nodes, size_t *bytes)
{
    (void)actor;
    if (LiteIpcShimPoolCount == NULL) {
        return -ENOTSUP;
    }
    /* The call fails while there is no pool; the pool then counts as empty. */
    if (LiteIpcShimPoolCount(nodes, bytes) != 0) {
        *nodes = *bytes = 0;
    }
    return 0;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static int TaskBegin(struct Actor *actor, uint32_t *taskID, uint32_t *processID)
{
    (void)actor;
    if (LiteIpcShimTaskID == NULL || LiteIpcShimProcessID == NULL) {
        *taskID = (uint32_t)SystemThreadID();
        *processID = (uint32_t)getpid();
        return 0;
    }
    *taskID = LiteIpcShimTaskID();
    *processID = LiteIpcShimProcessID();
    return *taskID == 0 || *processID == 0 ? -ENODEV : 0;
}

static void TaskEnd(struct Actor *actor)
{
    (void)actor; /* its thread ends */
}

/* ---- processes ------------------------------------------------------------------------------- */

static void CloseEnd(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

/* Returns whether `process` is `ancestor`, or was forked by it or by its descendants. */
static bool IsOf(const struct Scenario *scenario, uint32_t process, uint32_t ancestor)
{
    while (process != TABLE_NONE && process != ancestor) {
        process = scenario->processes[process].forker;
    }
    return process == ancestor;
}

/* Closes the workers' ends of all pipes of `ancestor` and its descendants, or of all others. */
static void CloseWorkerEnds(struct WorkerGroup *group, uint32_t ancestor, bool others)
{
    for (uint32_t i = 0; i < group->scenario->processCount; i++) {
        if (IsOf(group->scenario, i, ancestor) != others) {
            CloseEnd(&group->pipes->orderRead[i]);
            CloseEnd(&group->pipes->reportWrite[i]);
        }
    }
}

/* Makes the worker of a new process. Returns NULL if memory is exhausted. */
static struct Worker *Become(struct WorkerGroup *group, uint32_t process,
                             const struct DeviceProcess *parent)
{
    struct DeviceProcess *own = calloc(1, sizeof(*own));
    if (own == NULL) {
        return NULL;
    }
    CloseWorkerEnds(group, process, true);
    own->lent = -1;
    if (parent != NULL) { /* open descriptors are inherited */
        memcpy(own->descriptors, parent->descriptors, sizeof(own->descriptors));
        own->count = parent->count;
        own->lent = parent->lent;
    }
    (void)pthread_mutex_init(&own->lock, NULL);
    struct Worker *worker = WorkerCreate(group, process);
    if (worker == NULL) {
        free(own);
        return NULL;
    }
    worker->own = own;
    return worker;
}

static int ProcessStart(struct WorkerGroup *group, uint32_t process, int64_t *pid)
{
    (void)fflush(NULL); /* otherwise the child would write the buffered output as well */
    pid_t child = fork();
    if (child < 0) {
        return -errno;
    }
    *pid = child;
    if (child > 0) {
        return 0;
    }
    for (uint32_t i = 0; i < group->scenario->processCount; i++) {
        CloseEnd(&group->pipes->orderWrite[i]);
        CloseEnd(&group->pipes->reportRead[i]);
    }
    /* Standard output carries only the result. */
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    struct Worker *worker = Become(group, process, NULL);
    if (worker != NULL) {
        WorkerRun(worker, NULL);
    }
    _exit(1);
}

static void AllStarted(struct WorkerGroup *group)
{
    for (uint32_t i = 0; i < group->scenario->processCount; i++) {
        CloseEnd(&group->pipes->orderRead[i]);
        CloseEnd(&group->pipes->reportWrite[i]);
    }
}

static void *ControlThread(void *argument)
{
    struct Worker *worker = argument;
    WorkerRun(worker, &worker->actors[0]);
    return NULL;
}

/* Runs in the child of a fork, in the thread that forked: this thread becomes the child's task. */
static void PlayChild(struct Actor *parent, uint32_t process)
{
    struct Worker *parentWorker = parent->worker;
    pthread_t control;
    (void)close(parentWorker->orders);
    (void)close(parentWorker->reports);
    struct Worker *worker = Become(parentWorker->group, process, parentWorker->own);
    if (worker == NULL) {
        _exit(1);
    }
    worker->actors[0].thread = pthread_self();
    worker->actors[0].isStarted = true;
    if (pthread_create(&control, NULL, ControlThread, worker) != 0) {
        _exit(1);
    }
    ActorRun(&worker->actors[0]);
    pthread_exit(NULL);
}

static int Fork(struct Actor *actor, uint32_t child, int64_t *pid)
{
    pid_t forked = fork();
    if (forked < 0) {
        return -errno;
    }
    if (forked == 0) {
        PlayChild(actor, child);
    }
    CloseWorkerEnds(actor->worker->group, child, false);
    *pid = forked;
    return 0;
}

static void ProcessEnd(struct Worker *worker)
{
    (void)worker;
    /* Ends all tasks of the process. No other thread calls exit. */
    exit(0); /* NOLINT(concurrency-mt-unsafe) */
}

static void ProcessFree(struct Worker *worker)
{
    (void)worker;
}

/*
 * Waits for a child. Returns 1 if it has ended, 0 if not within `ms`, -1 if it is no child of this
 * process.
 */
static int WaitFor(pid_t pid, unsigned ms, int *status)
{
    uint64_t end = NowMs() + ms;
    for (;;) {
        pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid) {
            return 1;
        }
        if (ended < 0 && errno != EINTR) {
            return -1;
        }
        if (NowMs() >= end) {
            return 0;
        }
        SleepUs(500);
    }
}

static void ProcessCollect(struct WorkerGroup *group, uint32_t process, int64_t pid, bool byForce,
                           char how[END_TEXT_SIZE])
{
    int status = 0;
    (void)group;
    (void)process;
    how[0] = '\0';
    if (!byForce && WaitFor((pid_t)pid, END_MS, &status) != 0) {
        if (WIFSIGNALED(status)) {
            (void)snprintf(how, END_TEXT_SIZE, "by signal %d", WTERMSIG(status));
        } else if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
            (void)snprintf(how, END_TEXT_SIZE, "with status %d", WEXITSTATUS(status));
        }
        return;
    }
    (void)snprintf(how, END_TEXT_SIZE, "by force");
    (void)kill((pid_t)pid, SIGKILL);
    (void)WaitFor((pid_t)pid, END_MS, &status);
}

static void Reap(int64_t pid)
{
    int status;
    (void)WaitFor((pid_t)pid, END_MS, &status);
}

const struct Platform DEVICE_PLATFORM = PLATFORM_OF_FILE;
