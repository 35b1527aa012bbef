/*
 * The seven hooks of the kernel's LiteIPC, why a message can be dropped, and what a trace record
 * holds. Plain numbers and lists, for the core, for programs and for tools. Source of the hooks:
 * LOS_HOOK_TYPE_IPC_...
 */
#ifndef LITEIPC_HOOK_TYPES_H
#define LITEIPC_HOOK_TYPES_H

#include <stdint.h>

/* X(name, what has just happened) */
#define IPC_HOOKS(X)                                                                               \
    X(IPC_WRITE, "a message was written to the receiver's lane")                                   \
    X(IPC_WRITE_DROP, "a message was refused; the reason is a negative errno")                     \
    X(IPC_READ, "a message was delivered to the program")                                          \
    X(IPC_READ_DROP, "a message was dropped; the reason is an IpcDropReason")                      \
    X(IPC_TRY_READ, "a read found nothing and begins to wait")                                     \
    X(IPC_READ_TIMEOUT, "a wait ended without its message; the reason is a negative errno")        \
    X(IPC_KILL, "a wait ended with its task, process or domain; the reason is a negative errno")

enum LosHookType {
#define X(name, text) LOS_HOOK_TYPE_##name,
    IPC_HOOKS(X)
#undef X
        LOS_HOOK_TYPE_NUM,
};

/* Why a message that had arrived was not handed out. X(name, text) */
#define IPC_DROP_REASONS(X)                                                                        \
    X(NONE, "it was not dropped")                                                                  \
    X(MALFORMED, "its record breaks the rules")                                                    \
    X(LANE_CLOSED, "it was left in the lane of a sender that broke the rules too often")           \
    X(SENDER_UNKNOWN, "its sender ended, and the sender's task ID is in use again")                \
    X(TASK_ENDED, "its receiving task has ended")                                                  \
    X(NO_RIGHT, "its sender has no right to call this task")                                       \
    X(NOT_MANAGER, "it was sent to the ServiceManager, and this task is not the ServiceManager")   \
    X(NOT_RECEIVING, "a request, for a task that waits for an answer")                             \
    X(NOT_ASKED, "an answer that no call waits for: late, cancelled, or never requested")          \
    X(OTHER_PROCESS, "an answer from a process that was not asked")                                \
    X(CALL_FAILED, "a failed answer, which reports only that the call has failed")                 \
    X(NO_ROOM_FOR_DESCRIPTORS, "this process has no free descriptors")                             \
    X(DESCRIPTORS_MISSING, "its descriptors did not arrive")

enum IpcDropReason {
#define X(name, text) IPC_DROP_##name,
    IPC_DROP_REASONS(X)
#undef X
        IPC_DROP_NUM,
};

/* The wait state of a task. */
enum IpcWaitState {
    IPC_WAIT_NONE,
    IPC_WAIT_LITEIPC, /* it waits, or waited until now, for a message */
};

/*
 * One call of a hook, in 64 bytes. The message is named by {timestamp, task that made the request},
 * in all records about a request and about its answer, in all processes.
 */
struct LiteIpcTraceRecord {
    uint64_t time;      /* CLOCK_MONOTONIC ns; the same clock for every process */
    uint64_t timestamp; /* IpcMsg.timestamp; of a wait for an answer: of the request. Else 0 */
    uint32_t hook;      /* enum LosHookType */
    int32_t reason;     /* see IPC_HOOKS */
    uint32_t process;   /* whose device this is */
    uint32_t task;      /* that wrote, read or waited; 0: whichever task of an event loop */
    uint32_t peerProcess;
    uint32_t
        peerTask;  /* IPC_WRITE...: for whom it is. IPC_READ...: from whom. Waits: who is asked */
    uint32_t type; /* MsgType of the message, or of what is waited for */
    uint32_t code;
    uint32_t handle; /* IpcMsg.target.handle */
    uint32_t size;   /* IpcMsg.dataSz, bytes */
    uint32_t flag;   /* IpcMsg.flag */
    uint32_t waitState;
};

#endif
