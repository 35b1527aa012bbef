/* Attaches the process and its threads to the domain when needed, and handles fork and exit. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/libc_calls.h"
#include "preload/shim.h"

struct ShimDevice {
    struct LiteIpcDevice *device;
    unsigned threads; /* threads that use it; under the lock */
    bool foreign;     /* belongs to the process that forked this one; under the lock */
    struct ShimDevice *nextRetired;
};

/* The state of a thread. */
struct ShimThread {
    struct ShimDevice *owner; /* NULL: the thread has no task */
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    bool busy; /* between ShimEnter and ShimLeave */
    bool allowCancel;
    int cancelState;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* The device in use; NULL before the first operation. Written under the lock. */
static struct ShimDevice *_Atomic current;
static _Atomic bool currentForeign; /* current->foreign, readable without the lock */
static struct ShimDevice *retired;  /* devices of domains that are gone; under the lock */
static _Atomic pid_t owner;         /* the process of `current` and of the other variables */
static _Atomic bool exiting;
static pthread_t exitingThread; /* valid once `exiting` is true */
static pthread_key_t threadKey;
static bool explains; /* LITEIPC_DEBUG was set at the start */
/* A page that is zero in every forked child, also without pthread_atfork(3) handlers. */
static volatile char *forkGuard;
static _Thread_local struct ShimThread self;

int ShimResult(int status)
{
    if (status < 0) {
        errno = -status;
        return -1;
    }
    return status;
}

void ShimExplain(const char *format, ...)
{
    if (!explains) {
        return;
    }
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = snprintf(line, sizeof(line), "liteipc: pid %d: ", (int)getpid());
    length += vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof(line) - 2) {
        length = (int)sizeof(line) - 2;
    }
    line[length] = '\n';
    (void)!write(STDERR_FILENO, line, (size_t)length + 1);
}

bool ShimIsForeign(void)
{
    bool isGlibc = dlsym(RTLD_DEFAULT, "gnu_get_libc_version") != NULL;
#ifdef __GLIBC__
    return !isGlibc;
#else
    return isGlibc;
#endif
}

/* ---- devices; called under the lock ---------------------------------------------------------- */

static void Adopt(struct LiteIpcDevice *device, struct ShimDevice *holder)
{
    *holder = (struct ShimDevice){.device = device};
    /* release, here and for `current`: pairs with the acquires in ShimEnter and at exit */
    atomic_store_explicit(&owner, getpid(), memory_order_release);
    atomic_store_explicit(&currentForeign, false, memory_order_release);
    atomic_store_explicit(&current, holder, memory_order_release);
}

static int Attach(void)
{
    const char *path;
    int status = NodeDomainPath(&path);
    if (status != 0) {
        return status;
    }
    struct ShimDevice *holder = calloc(1, sizeof(*holder));
    if (holder == NULL) {
        return -ENOMEM;
    }
    struct LiteIpcDevice *device;
    status = LiteIpcDeviceAttach(path, &device);
    if (status != 0) {
        ShimExplain("domain %s: error %d", path, -status);
        free(holder);
        return status == -EINVAL ? -ENODEV : status;
    }
    Adopt(device, holder);
    return 0;
}

/* Attaches the child of a fork at its first operation. */
static int Reattach(struct ShimDevice *parent)
{
    struct ShimDevice *holder = calloc(1, sizeof(*holder));
    if (holder == NULL) {
        return -ENOMEM;
    }
    struct LiteIpcDevice *device;
    int status = LiteIpcDeviceForked(parent->device, &device);
    if (status != 0) {
        ShimExplain("after fork: error %d", -status);
        free(holder);
        return status;
    }
    Adopt(device, holder);
    return 0;
}

static int AttachAsNeeded(enum ShimNeed need)
{
    /* relaxed: written under the lock */
    struct ShimDevice *device = atomic_load_explicit(&current, memory_order_relaxed);
    if (device == NULL) {
        return need == SHIM_ATTACHED ? Attach() : -EINVAL;
    }
    int status = device->foreign ? Reattach(device) : 0;
    bool lost = device->foreign ? status == -ENODEV
                                : need == SHIM_ATTACHED && !LiteIpcDeviceAlive(device->device);
    if (need != SHIM_ATTACHED || !lost) {
        return status;
    }
    status = Attach(); /* the domain is gone: attach to its successor */
    if (status == 0 && !device->foreign) {
        device->nextRetired = retired;
        retired = device;
    }
    return status;
}

/* Messages of a domain that is gone can be read until the program maps a new pool. */
void ShimFreeRetired(void)
{
    (void)pthread_mutex_lock(&lock);
    struct ShimDevice **link = &retired;
    while (*link != NULL) {
        struct ShimDevice *device = *link;
        if (device->threads == 0) {
            *link = device->nextRetired;
            LiteIpcDeviceDetach(device->device);
            free(device);
        } else {
            link = &device->nextRetired;
        }
    }
    (void)pthread_mutex_unlock(&lock);
}

struct LiteIpcDevice *ShimCurrentDevice(void)
{
    struct ShimDevice *device = atomic_load_explicit(&current, memory_order_acquire);
    return device == NULL || atomic_load_explicit(&currentForeign, memory_order_acquire)
               ? NULL
               : device->device;
}

/* ---- threads --------------------------------------------------------------------------------- */

static void ThreadLeaveDevice(struct ShimThread *thread)
{
    if (thread->owner == NULL) {
        return;
    }
    LiteIpcThreadDestroy(thread->thread);
    (void)pthread_mutex_lock(&lock);
    thread->owner->threads--;
    (void)pthread_mutex_unlock(&lock);
    thread->owner = NULL;
    thread->thread = NULL;
    thread->task = NULL;
}

static int ThreadJoinDevice(struct ShimThread *thread, enum ShimNeed need)
{
    (void)pthread_mutex_lock(&lock);
    int status = AttachAsNeeded(need);
    struct ShimDevice *device = atomic_load_explicit(&current, memory_order_relaxed);
    if (status == 0) {
        device->threads++;
    }
    (void)pthread_mutex_unlock(&lock);
    if (status != 0) {
        return status;
    }
    if (thread->owner == device) { /* attached already */
        (void)pthread_mutex_lock(&lock);
        device->threads--;
        (void)pthread_mutex_unlock(&lock);
        return 0;
    }
    ThreadLeaveDevice(thread);
    thread->owner = device;
    status = pthread_setspecific(threadKey, thread) == 0 ? 0 : -ENOMEM;
    if (status == 0) {
        status = LiteIpcThreadCreate(device->device, &thread->thread);
    }
    if (status == 0) {
        status = LiteIpcTaskCreate(thread->thread, &thread->task);
    }
    if (status != 0) {
        ShimExplain("no task for this thread: error %d", -status);
        ThreadLeaveDevice(thread);
    }
    return status;
}

int ShimEnter(enum ShimNeed need, struct ShimOperation *operation)
{
    struct ShimThread *thread = &self;
    if (thread->busy) {
        return -EBUSY;
    }
    if (forkGuard != NULL && *forkGuard == 0) {
        ShimExplain("this process came from clone(2) or _Fork(3), which is not covered");
        return -ENODEV;
    }
    thread->busy = true;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &thread->cancelState);
    thread->allowCancel = false;
    /* acquire: pairs with the release in Adopt */
    struct ShimDevice *device = atomic_load_explicit(&current, memory_order_acquire);
    int status = 0;
    if (need == SHIM_ATTACHED || device == NULL || device != thread->owner ||
        atomic_load_explicit(&currentForeign, memory_order_acquire)) {
        status = ThreadJoinDevice(thread, need);
    }
    if (status != 0) {
        ShimLeave(status);
        return status;
    }
    *operation = (struct ShimOperation){.task = thread->task, .device = thread->owner->device};
    return 0;
}

void ShimLeave(int status)
{
    /* acquire: pairs with the release in EndProcess */
    if (status < 0 && atomic_load_explicit(&exiting, memory_order_acquire) &&
        !pthread_equal(exitingThread, pthread_self())) {
        /* The program's reaction to the error could change how the process ends. */
        for (;;) {
            (void)pause();
        }
    }
    self.busy = false;
    self.allowCancel = false;
    (void)pthread_setcancelstate(self.cancelState, NULL);
}

void ShimAllowCancel(bool allow)
{
    self.allowCancel = allow && self.cancelState == PTHREAD_CANCEL_ENABLE;
}

bool ShimCancelAllowed(void)
{
    return self.busy && self.allowCancel;
}

void ShimCancelled(void *unused)
{
    (void)unused;
    LiteIpcAwake(self.thread);
    self.busy = false;
    self.allowCancel = false;
}

static void ThreadEnded(void *thread)
{
    (void)thread;
    self.busy = true;
    ThreadLeaveDevice(&self);
    self.busy = false;
}

/* ---- fork and exit --------------------------------------------------------------------------- */

static void ForEachOwn(void (*visit)(struct LiteIpcDevice *device))
{
    struct ShimDevice *device = atomic_load_explicit(&current, memory_order_relaxed);
    if (device != NULL && !device->foreign) {
        visit(device->device);
    }
    for (device = retired; device != NULL; device = device->nextRetired) {
        visit(device->device);
    }
}

static void ForkPrepare(void)
{
    (void)pthread_mutex_lock(&lock);
    ForEachOwn(LiteIpcForkPrepare);
}

static void ForkParent(void)
{
    ForEachOwn(LiteIpcForkParent);
    (void)pthread_mutex_unlock(&lock);
}

/* The domain is not informed before the child uses the device. */
static void ForkChild(void)
{
    ForEachOwn(LiteIpcForkChild);
    retired = NULL;
    struct ShimDevice *device = atomic_load_explicit(&current, memory_order_relaxed);
    if (device != NULL) {
        device->foreign = true;
        device->threads = 0;
        atomic_store_explicit(&currentForeign, true, memory_order_release);
    }
    PoolViewSet(NULL, 0);
    self = (struct ShimThread){.cancelState = self.cancelState};
    (void)pthread_setspecific(threadKey, NULL);
    if (forkGuard != NULL) {
        *forkGuard = 1;
    }
    (void)pthread_mutex_unlock(&lock);
}

/*
 * Calls pthread_atfork(3) without a reference to it. With glibc the reference is to a function that
 * other libcs do not have; neither the library nor the program could then be loaded.
 */
static void RegisterForkHandlers(void)
{
#ifdef __GLIBC__
    int (*registerFork)(void (*)(void), void (*)(void), void (*)(void), void *) =
        (int (*)(void (*)(void), void (*)(void), void (*)(void), void *))dlsym(RTLD_DEFAULT,
                                                                               "__register_atfork");
    if (registerFork != NULL) {
        (void)registerFork(ForkPrepare, ForkParent, ForkChild, NULL); /* never unloaded */
    }
#else
    (void)pthread_atfork(ForkPrepare, ForkParent, ForkChild);
#endif
}

__attribute__((constructor)) static void BeginProcess(void)
{
    if (ShimIsForeign()) {
        return;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): only one thread exists yet */
    const char *debug = getenv("LITEIPC_DEBUG");
    explains = debug != NULL && debug[0] != '\0';
    (void)pthread_key_create(&threadKey, ThreadEnded);
    RegisterForkHandlers();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *guard = LibcMmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guard != MAP_FAILED) {
        *(volatile char *)guard = 1;
        (void)madvise(guard, page, MADV_WIPEONFORK);
        forkGuard = guard;
    }
}

/*
 * Runs in exit(3) after the program's own handlers. Other processes are notified before a
 * waitpid(2) for this process returns.
 */
__attribute__((destructor)) static void EndProcess(void)
{
    struct ShimDevice *device = atomic_load_explicit(&current, memory_order_acquire);
    if (device == NULL || atomic_load_explicit(&currentForeign, memory_order_acquire) ||
        atomic_load_explicit(&owner, memory_order_acquire) != getpid() ||
        (forkGuard != NULL && *forkGuard == 0)) {
        return; /* a child that shares or inherited the sockets must not end its parent's process */
    }
    exitingThread = pthread_self();
    /* release: pairs with the acquire in ShimLeave */
    atomic_store_explicit(&exiting, true, memory_order_release);
    LiteIpcDeviceShutdown(device->device);
}
