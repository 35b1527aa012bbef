/*
 * The seven hooks of the kernel's LiteIPC, the reasons for which a message is dropped, and the
 * trace record. For the core, for programs and for tools. Source of the hooks:
 * LOS_HOOK_TYPE_IPC_...
 */
#ifndef LITEIPC_HOOK_TYPES_H
#define LITEIPC_HOOK_TYPES_H

#include <stdint.h>

/* X(name, event) */
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

/* The reasons for which an arrived message is not delivered. X(name, text) */
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
    IPC_WAIT_LITEIPC, /* the task waits for a message, or has just stopped waiting */
};

/*
 * One call of a hook, in 64 bytes. {timestamp, requesting task} identifies the message in all
 * records about a request and its answer, in all processes.
 */
struct LiteIpcTraceRecord {
    uint64_t time;      /* CLOCK_MONOTONIC ns; the same clock for every process */
    uint64_t timestamp; /* IpcMsg.timestamp; in a wait for an answer: of the request; else 0 */
    uint32_t hook;      /* enum LosHookType */
    int32_t reason;     /* see IPC_HOOKS */
    uint32_t process;   /* the process of this device */
    uint32_t task;      /* wrote, read or waited; 0: any task of an event loop */
    /* IPC_WRITE...: the receiver. IPC_READ...: the sender. Waits: the called task */
    uint32_t peerProcess, peerTask;
    uint32_t type; /* MsgType of the message, or of the expected one */
    uint32_t code;
    uint32_t handle;    /* IpcMsg.target.handle */
    uint32_t size;      /* IpcMsg.dataSz, bytes */
    uint32_t flag;      /* IpcMsg.flag */
    uint32_t waitState; /* enum IpcWaitState */
};

#endif
