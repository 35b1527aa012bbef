/*
 * Hooks: functions that are called for events of a message. The names are those of the kernel's
 * hook component; its global state belongs to the device here.
 *
 * While no function is registered, a hook costs its caller one relaxed load and a branch that is
 * never taken; its arguments are not computed.
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

/* The arguments of a hook. They are valid until it returns. */
struct IpcHookEvent {
    enum LosHookType type;
    uint32_t process; /* process of the calling task */
    uint32_t task;    /* the calling task; 0: an event loop, for any of its tasks */
    /*
     * IPC_WRITE, IPC_READ and their drops: header, and data as the writing or reading program sees
     * it. NULL data with a dataSz: the message was dropped before its data was read. Otherwise NULL
     */
    const IpcMsg *msg;
    /* IPC_WRITE...: the destination. Waits: the task that has to answer; 0: any */
    uint32_t dstTask, dstProcess;
    /* Waits: timestamp of the request that has to be answered; otherwise 0 */
    uint64_t timestamp;
    /* IPC_TRY_READ, IPC_READ_TIMEOUT, IPC_KILL: MT_REPLY, or MT_REQUEST for any message */
    MsgType msgType;
    /*
     * enum IpcWaitState. IPC_WRITE: of the receiver, as far as visible; otherwise of the calling
     * task
     */
    uint32_t waitState;
    int reason; /* see IPC_HOOKS; 0 if there is none */
};

/*
 * Runs in the thread of the event, in the middle of its work: it must be short, must not block, and
 * must not call this library (it may only read its arguments). Several threads may run the same
 * function at once.
 */
typedef void (*LosHookFunction)(void *context, const struct IpcHookEvent *event);

/* Most pairs of function and context that a device can have at once. */
#define IPC_HOOK_LISTENERS_MAX 4

/*
 * Calls `function` with `context` from now on whenever `type` happens in this device.
 *
 * Any thread, at any time. Events of the calling thread are seen at once, those of others as soon
 * as they learn of it by any synchronisation. -EINVAL: no such hook, or no function; -EEXIST:
 * registered already; -ENOSPC: too many listeners. Source: LOS_HookReg.
 */
int LOS_HookReg(struct LiteIpcDevice *device, enum LosHookType type, LosHookFunction function,
                void *context);

/*
 * Ends that. When it returns, the function is not running for this hook in any thread and will not
 * be called again: `context` may be freed once all its hooks are unregistered.
 *
 * Any thread; waits for threads that are inside of a hook. -EINVAL; -ENOENT: not registered;
 * -EDEADLK: called from inside of a hook of the same device. Source: LOS_HookUnReg.
 */
int LOS_HookUnReg(struct LiteIpcDevice *device, enum LosHookType type, LosHookFunction function,
                  void *context);

/* Returns "IPC_WRITE" and so on; NULL for a number that is not defined. */
const char *LosHookName(uint32_t type);
/* Returns "TASK_ENDED" and so on, and its meaning; NULL for a number that is not defined. */
const char *IpcDropReasonName(uint32_t reason);
const char *IpcDropReasonText(uint32_t reason);

/* ---- For the core ---------------------------------------------------------------------------- */

struct IpcHookListener {
    _Atomic uint32_t types; /* a bit for each hook it is called for */
    uint32_t
        leaving; /* callers that wait for it in LOS_HookUnReg; 0 and no bit: the slot is free */
    LosHookFunction function;
    void *context; /* both change only while the slot is free */
};

/* Part of every device. Zero: off. */
struct IpcHooks {
    _Atomic uint32_t types; /* bits of all listeners together: a quick check */
    struct IpcHookListener listeners[IPC_HOOK_LISTENERS_MAX]; /* changed under the device's lock */
};

/* Part of every thread: LOS_HookUnReg waits for it. Zero at first. */
struct IpcHookPresence {
    _Atomic uint32_t calls;   /* odd: inside a hook */
    _Atomic uintptr_t caller; /* the OS thread that entered last */
    uint32_t awaited;         /* value of `calls` that LOS_HookUnReg saw; under the device's lock */
};

static inline bool HookIsOn(const struct IpcHooks *hooks, enum LosHookType type)
{
    /* relaxed: a hint; HookRun checks with the right order */
    uint32_t types = atomic_load_explicit(&hooks->types, memory_order_relaxed);
    return __builtin_expect((types & (1U << type)) != 0, 0);
}

/*
 * Marks code that runs only for a listener, so that the compiler moves it out of the common path.
 */
#define HOOK_COLD __attribute__((cold, noinline))

HOOK_COLD void HookRun(struct LiteIpcThread *thread, const struct IpcHookEvent *event);

/*
 * OsHookCall(thread, LOS_HOOK_TYPE_IPC_READ, .msg = ..., ...): the remaining arguments are members
 * of IpcHookEvent, evaluated only if a listener exists. `thread` is the calling one.
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
