/*
 * Declares hooks: functions that are called when something happens to a message. Names as in the
 * kernel's hook component; its globals are fields of the device here.
 *
 * Without a listener a hook costs one relaxed load and a branch that is not taken; its arguments
 * are not computed.
 */
#ifndef LITEIPC_KERNEL_HOOKS_H
#define LITEIPC_KERNEL_HOOKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef LOSCFG_SECURITY_CAPABILITY
#define LOSCFG_SECURITY_CAPABILITY
#endif
#include "liteipc/hm_liteipc.h"
#include "liteipc/hook_types.h"

struct LiteIpcDevice;
struct LiteIpcThread;

/* Describes an event to a hook. Everything is valid until the hook returns. */
struct IpcHookEvent {
    enum LosHookType type;
    uint32_t process; /* of the calling task */
    uint32_t task;    /* the calling task; 0: an event loop, for any of its tasks */
    /*
     * IPC_WRITE, IPC_READ and their drops: header, and data as the writing or reading program sees
     * them. Data is NULL with a dataSz if the message was dropped before its data was read. Else
     * NULL
     */
    const IpcMsg *msg;
    /*
     * IPC_WRITE...: destination of the message. Waits: callee; 0: none in particular
     */
    uint32_t dstTask, dstProcess;
    /* Waits: of the pending request, ns; else 0 */
    uint64_t timestamp;
    /* IPC_TRY_READ, IPC_READ_TIMEOUT, IPC_KILL: MT_REPLY, or MT_REQUEST for any message */
    MsgType msgType;
    /*
     * enum IpcWaitState: IPC_WRITE: of the receiver, as far as the sender can see it; else
     * of the calling task
     */
    uint32_t waitState;
    int reason; /* see IPC_HOOKS; 0: none */
};

/*
 * Runs in the thread of the event, in the middle of its work: it must be short, must not block, and
 * must not call this library. It may only read its arguments. Several threads may run it at once.
 */
typedef void (*LosHookFunction)(void *context, const struct IpcHookEvent *event);

/* Largest number of pairs of function and context that a device has at once. */
#define IPC_HOOK_LISTENERS_MAX 4

/*
 * Calls `function` with `context` from now on whenever `type` happens in this device.
 *
 * Any thread, at any time. The calling thread reports its events at once, other threads as soon as
 * any synchronisation orders them after this call. Returns -EINVAL for an unknown hook or no
 * function, -EEXIST if registered, -ENOSPC for too many listeners. Source: LOS_HookReg.
 */
int LOS_HookReg(struct LiteIpcDevice *device, enum LosHookType type, LosHookFunction function,
                void *context);

/*
 * Unregisters a hook. When it returns, the function is not running for this hook in any thread and
 * will not be called again: `context` may be freed once all its hooks are unregistered.
 *
 * Any thread; waits for threads that are inside a hook. Returns -EINVAL as above, -ENOENT if not
 * registered, -EDEADLK if called from inside a hook of the same device. Source: LOS_HookUnReg.
 */
int LOS_HookUnReg(struct LiteIpcDevice *device, enum LosHookType type, LosHookFunction function,
                  void *context);

/* Returns the name, for example "IPC_WRITE"; NULL for an unknown number. */
const char *LosHookName(uint32_t type);
/* Return the name, for example "TASK_ENDED", and its meaning; NULL for an unknown number. */
const char *IpcDropReasonName(uint32_t reason);
const char *IpcDropReasonText(uint32_t reason);

/* ---- For the core ---------------------------------------------------------------------------- */

/* Holds one registered function. Free while `types` and `leaving` are 0. */
struct IpcHookListener {
    _Atomic uint32_t types; /* one bit for each hook */
    uint32_t leaving;       /* number of LOS_HookUnReg calls that wait for it */
    LosHookFunction function;
    void *context; /* function and context change only while it is free */
};

/* Holds the listeners of a device. Zero-initialised: off. */
struct IpcHooks {
    _Atomic uint32_t types; /* union of the listeners' bits; a hint */
    struct IpcHookListener listeners[IPC_HOOK_LISTENERS_MAX]; /* changed under the device's lock */
};

/* Shows LOS_HookUnReg whether a thread is inside a hook. Zero-initialised. */
struct IpcHookPresence {
    _Atomic uint32_t calls;   /* odd: inside a hook */
    _Atomic uintptr_t caller; /* the OS thread that entered last */
    uint32_t awaited;         /* `calls` as LOS_HookUnReg saw it; under the device's lock */
};

static inline bool HookIsOn(const struct IpcHooks *hooks, enum LosHookType type)
{
    /* relaxed: a hint; HookRun reads each listener with its own ordering */
    uint32_t types = atomic_load_explicit(&hooks->types, memory_order_relaxed);
    return __builtin_expect((types & (1U << type)) != 0, 0);
}

/* Marks code that runs only for a listener; the compiler places it away from the hot path. */
#define HOOK_COLD __attribute__((cold, noinline))

/* Calls the listeners of an event. `thread` is the calling one. */
HOOK_COLD void HookRun(struct LiteIpcThread *thread, const struct IpcHookEvent *event);

/*
 * OsHookCall(thread, LOS_HOOK_TYPE_IPC_READ, .msg = ..., ...): calls the hook. The further
 * arguments are members of IpcHookEvent, evaluated only if there is a listener. `thread` is the
 * calling one.
 */
#define OsHookCall(thread, hook, ...)                                                              \
    do {                                                                                           \
        if (HookIsOn(&(thread)->device->hooks, hook)) {                                            \
            HookRun(thread,                                                                        \
                    &(struct IpcHookEvent){.type = (hook),                                         \
                                           .process = (thread)->device->identity.processID,        \
                                           __VA_ARGS__});                                          \
        }                                                                                          \
    } while (0)

#endif
