/*
 * Hooks: functions that are called when something happens to a message. Names as in the kernel's
 * hook component; what it keeps in globals hangs on the device here.
 *
 * While nobody has registered, a hook costs its caller one relaxed load and a branch that is never
 * taken; its arguments are not even computed.
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

/* What a hook is told. Everything is valid until it returns. */
struct IpcHookEvent {
    enum LosHookType type;
    uint32_t process; /* of the calling task */
    uint32_t task;    /* the calling task; 0: an event loop, for whichever of its tasks */
    /*
     * IPC_WRITE, IPC_READ and their drops: header, and data as the writing or reading program sees
     * it. NULL data with a dataSz: the message was dropped before its data was looked at. Else NULL
     */
    const IpcMsg *msg;
    /*
     * IPC_WRITE...: where the message goes. Waits: who is asked for an answer; 0: nobody in
     * particular
     */
    uint32_t dstTask, dstProcess;
    /* Waits: of the request that is to be answered; else 0 */
    uint64_t timestamp;
    /* IPC_TRY_READ, IPC_READ_TIMEOUT, IPC_KILL: MT_REPLY, or MT_REQUEST for whatever comes */
    MsgType msgType;
    /*
     * enum IpcWaitState: IPC_WRITE: of the receiver, as far as can be seen; else of the calling
     * task
     */
    uint32_t waitState;
    int reason; /* see IPC_HOOKS; 0 where there is none */
};

/*
 * Runs in the thread that the event happened in, in the middle of its work: it must be short, must
 * not block, and must not call this library (it may only look at what it was given). Several
 * threads may be in the same function at once.
 */
typedef void (*LosHookFunction)(void *context, const struct IpcHookEvent *event);

/* Different pairs of function and context that a device can have at once. */
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

/* "IPC_WRITE"; NULL for a number that is none. */
const char *LosHookName(uint32_t type);
/* "TASK_ENDED", and what it means; NULL for a number that is none. */
const char *IpcDropReasonName(uint32_t reason);
const char *IpcDropReasonText(uint32_t reason);

/* ---- For the core ---------------------------------------------------------------------------- */

struct IpcHookListener {
    _Atomic uint32_t types; /* a bit for each hook it is called for */
    uint32_t leaving;       /* who waits in LOS_HookUnReg for it; 0 and no bit: it is free */
    LosHookFunction function;
    void *context; /* these two change while it is free */
};

/* In every device. Zero: off. */
struct IpcHooks {
    _Atomic uint32_t types; /* all the listeners' together: is it worth asking */
    struct IpcHookListener listeners[IPC_HOOK_LISTENERS_MAX]; /* changed under the device's lock */
};

/* In every thread: what LOS_HookUnReg waits for. Zero at first. */
struct IpcHookPresence {
    _Atomic uint32_t calls;   /* odd: inside of a hook */
    _Atomic uintptr_t caller; /* the OS thread that entered last */
    uint32_t awaited;         /* `calls` as LOS_HookUnReg saw it; under the device's lock */
};

static inline bool HookIsOn(const struct IpcHooks *hooks, enum LosHookType type)
{
    /* relaxed: whether to ask at all; HookRun looks properly */
    uint32_t types = atomic_load_explicit(&hooks->types, memory_order_relaxed);
    return __builtin_expect((types & (1U << type)) != 0, 0);
}

/* Code that runs only for a listener: kept out of the way of the code that runs always. */
#define HOOK_COLD __attribute__((cold, noinline))

HOOK_COLD void HookRun(struct LiteIpcThread *thread, const struct IpcHookEvent *event);

/*
 * OsHookCall(thread, LOS_HOOK_TYPE_IPC_READ, .msg = ..., ...): the rest are members of
 * IpcHookEvent, which are evaluated only if somebody listens. `thread` is the calling one.
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
