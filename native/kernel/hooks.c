#include "kernel/hooks.h"

#include <errno.h>
#include <sched.h>

#include "kernel/control_blocks.h"

static uint32_t Bit(enum LosHookType type)
{
    return 1U << type;
}

static struct IpcHookListener *ListenerFind(struct IpcHooks *hooks, LosHookFunction function,
                                            const void *context)
{
    for (unsigned i = 0; i < IPC_HOOK_LISTENERS_MAX; i++) {
        struct IpcHookListener *listener = &hooks->listeners[i];
        /* relaxed: written under the lock that the caller holds */
        if (atomic_load_explicit(&listener->types, memory_order_relaxed) != 0 &&
            listener->function == function && listener->context == context) {
            return listener;
        }
    }
    return NULL;
}

static struct IpcHookListener *ListenerFree(struct IpcHooks *hooks)
{
    for (unsigned i = 0; i < IPC_HOOK_LISTENERS_MAX; i++) {
        struct IpcHookListener *listener = &hooks->listeners[i];
        /* relaxed: written under the lock that the caller holds */
        if (listener->leaving == 0 &&
            atomic_load_explicit(&listener->types, memory_order_relaxed) == 0) {
            return listener;
        }
    }
    return NULL;
}

static void Announce(struct IpcHooks *hooks)
{
    uint32_t types = 0;
    for (unsigned i = 0; i < IPC_HOOK_LISTENERS_MAX; i++) {
        /* relaxed: written under the lock that the caller holds */
        types |= atomic_load_explicit(&hooks->listeners[i].types, memory_order_relaxed);
    }
    /* relaxed: a hint for HookIsOn; the listener holds the data */
    atomic_store_explicit(&hooks->types, types, memory_order_relaxed);
}

static int Register(struct IpcHooks *hooks, enum LosHookType type, LosHookFunction function,
                    void *context)
{
    struct IpcHookListener *listener = ListenerFind(hooks, function, context);
    uint32_t types = 0;
    if (listener != NULL) {
        /* relaxed: written under the lock that the caller holds */
        types = atomic_load_explicit(&listener->types, memory_order_relaxed);
        if ((types & Bit(type)) != 0) {
            return -EEXIST;
        }
    } else {
        listener = ListenerFree(hooks);
        if (listener == NULL) {
            return -ENOSPC;
        }
        listener->function = function;
        listener->context = context;
    }
    /* release: a reader of the bit (HookRun) sees function and context */
    atomic_store_explicit(&listener->types, types | Bit(type), memory_order_release);
    Announce(hooks);
    return 0;
}

int LOS_HookReg(struct LiteIpcDevice *device, enum LosHookType type, LosHookFunction function,
                void *context)
{
    if (device == NULL || function == NULL || (uint32_t)type >= LOS_HOOK_TYPE_NUM) {
        return -EINVAL;
    }
    (void)pthread_mutex_lock(&device->lock);
    int status = Register(&device->hooks, type, function, context);
    (void)pthread_mutex_unlock(&device->lock);
    return status;
}

/* Returns whether the caller itself is inside a hook of this device. Under the device's lock. */
static bool CallerIsInside(const struct LiteIpcDevice *device)
{
    for (const LOS_DL_LIST *link = device->threads.pstNext; link != &device->threads;
         link = link->pstNext) {
        const struct IpcHookPresence *presence =
            &LOS_DL_LIST_ENTRY(link, struct LiteIpcThread, listNode)->hookPresence;
        /*
         * acquire: pairs with HookRun's store that made it odd; the caller stored before is then
         * visible
         */
        uint32_t calls = atomic_load_explicit(&presence->calls, memory_order_acquire);
        /* relaxed: ordered by the load before it; a later value is not the caller's either */
        if (calls % 2 == 1 && atomic_load_explicit(&presence->caller, memory_order_relaxed) ==
                                  (uintptr_t)pthread_self()) {
            return true;
        }
    }
    return false;
}

/* Notes the threads that are inside a hook. Under the device's lock, after `types` was stored. */
static void NoteInside(struct LiteIpcDevice *device)
{
    for (LOS_DL_LIST *link = device->threads.pstNext; link != &device->threads;
         link = link->pstNext) {
        struct IpcHookPresence *presence =
            &LOS_DL_LIST_ENTRY(link, struct LiteIpcThread, listNode)->hookPresence;
        /* seq_cst: after the store of `types`; pairs with HookRun, see there */
        presence->awaited = atomic_load_explicit(&presence->calls, memory_order_seq_cst);
    }
}

/*
 * Returns whether one of these threads is still inside. Under the device's lock. Another caller of
 * NoteInside may have noted a later visit meanwhile; that one is then awaited as well.
 */
static bool AnyStaysInside(const struct LiteIpcDevice *device)
{
    for (const LOS_DL_LIST *link = device->threads.pstNext; link != &device->threads;
         link = link->pstNext) {
        const struct IpcHookPresence *presence =
            &LOS_DL_LIST_ENTRY(link, struct LiteIpcThread, listNode)->hookPresence;
        /* acquire: pairs with HookRun's last store: the hook has finished */
        uint32_t calls = atomic_load_explicit(&presence->calls, memory_order_acquire);
        if (calls % 2 == 1 && calls == presence->awaited) {
            return true;
        }
    }
    return false;
}

/*
 * Under the device's lock, which is released while this waits: a hook that calls the library
 * although it must not gets its error instead of a deadlock.
 */
static int Unregister(struct LiteIpcDevice *device, enum LosHookType type, LosHookFunction function,
                      const void *context)
{
    if (CallerIsInside(device)) {
        return -EDEADLK;
    }
    struct IpcHookListener *listener = ListenerFind(&device->hooks, function, context);
    if (listener == NULL) {
        return -ENOENT;
    }
    /* relaxed: written under the lock that the caller holds */
    uint32_t types = atomic_load_explicit(&listener->types, memory_order_relaxed);
    if ((types & Bit(type)) == 0) {
        return -ENOENT;
    }
    listener->leaving++;
    /* seq_cst: before NoteInside looks; pairs with HookRun, see there */
    atomic_store_explicit(&listener->types, types & ~Bit(type), memory_order_seq_cst);
    Announce(&device->hooks);
    NoteInside(device);
    while (AnyStaysInside(device)) {
        (void)pthread_mutex_unlock(&device->lock);
        (void)sched_yield();
        (void)pthread_mutex_lock(&device->lock);
    }
    listener->leaving--;
    return 0;
}

int LOS_HookUnReg(struct LiteIpcDevice *device, enum LosHookType type, LosHookFunction function,
                  void *context)
{
    if (device == NULL || function == NULL || (uint32_t)type >= LOS_HOOK_TYPE_NUM) {
        return -EINVAL;
    }
    (void)pthread_mutex_lock(&device->lock);
    int status = Unregister(device, type, function, context);
    (void)pthread_mutex_unlock(&device->lock);
    return status;
}

void HookRun(struct LiteIpcThread *thread, const struct IpcHookEvent *event)
{
    struct IpcHookPresence *presence = &thread->hookPresence;
    /* relaxed: only this thread writes it */
    uint32_t calls = atomic_load_explicit(&presence->calls, memory_order_relaxed);
    if (calls % 2 == 1) {
        return; /* a hook that called the library although it must not: no deeper recursion */
    }
    /* relaxed: published by the next store */
    atomic_store_explicit(&presence->caller, (uintptr_t)pthread_self(), memory_order_relaxed);
    /*
     * seq_cst, this store and the loads of `types` below, against the store of `types` and the load
     * of `calls` in LOS_HookUnReg: either LOS_HookUnReg sees this call and waits for it, or the
     * hook is not called.
     */
    atomic_store_explicit(&presence->calls, calls + 1, memory_order_seq_cst);
    for (unsigned i = 0; i < IPC_HOOK_LISTENERS_MAX; i++) {
        const struct IpcHookListener *listener = &thread->device->hooks.listeners[i];
        /* seq_cst: as above; acquire: function and context, see Register */
        uint32_t types = atomic_load_explicit(&listener->types, memory_order_seq_cst);
        if ((types & Bit(event->type)) != 0) {
            listener->function(listener->context, event);
        }
    }
    /* release: pairs with AnyStaysInside */
    atomic_store_explicit(&presence->calls, calls + 2, memory_order_release);
}

const char *LosHookName(uint32_t type)
{
    static const char *const NAMES[] = {
#define X(name, text) #name,
        IPC_HOOKS(X)
#undef X
    };
    return type < LOS_HOOK_TYPE_NUM ? NAMES[type] : NULL;
}

const char *IpcDropReasonName(uint32_t reason)
{
    static const char *const NAMES[] = {
#define X(name, text) #name,
        IPC_DROP_REASONS(X)
#undef X
    };
    return reason < IPC_DROP_NUM ? NAMES[reason] : NULL;
}

const char *IpcDropReasonText(uint32_t reason)
{
    static const char *const TEXTS[] = {
#define X(name, text) text,
        IPC_DROP_REASONS(X)
#undef X
    };
    return reason < IPC_DROP_NUM ? TEXTS[reason] : NULL;
}
