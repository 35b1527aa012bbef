#include "support/session.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define CMS_MESSAGE_BYTES  4096
#define MANAGER_POOL_BYTES 65536
#define MANAGER_POLL_MS    100 /* how often the manager reads `stopped` */
#define WAITING_REQUESTS   16
#define RETRY_PAUSE_NS     1000000
#define RETRIES            5000
#define LOOKS_BEFORE_YIELD 4096

enum ManagerCode {
    MANAGER_REGISTER = 1,
    MANAGER_LOOK_UP = 2,
};

static inline void Relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void Pause(void)
{
    struct timespec pause = {.tv_nsec = RETRY_PAUSE_NS};

    nanosleep(&pause, NULL);
}

static int Attach(const char *domain, struct LiteIpcDevice **device)
{
    int status = -ENODEV;

    for (int retry = 0; retry < RETRIES && status == -ENODEV; retry++) {
        status = LiteIpcDeviceAttach(domain, device);
        if (status == -ENODEV) {
            Pause();
        }
    }
    return status;
}

int SessionOpen(struct Session *session, const char *domain, size_t poolBytes, uint64_t spinNs)
{
    void *pool = NULL;

    memset(session, 0, sizeof(*session));
    int status = Attach(domain, &session->device);
    if (status != 0) {
        return status;
    }
    status = LiteIpcThreadCreate(session->device, &session->thread);
    if (status == 0) {
        status = LiteIpcTaskCreate(session->thread, &session->task);
    }
    if (status == 0) {
        status = LiteIpcOpen(session->task);
    }
    if (status == 0) {
        status = LiteIpcMmap(session->task, poolBytes, PROT_READ, MAP_PRIVATE, &pool);
    }
    if (status == 0 && spinNs != UINT64_MAX) {
        LiteIpcThreadSetSpin(session->thread, spinNs);
    }
    if (status != 0) {
        SessionClose(session);
    }
    return status;
}

void SessionClose(struct Session *session)
{
    if (session->task != NULL) {
        LiteIpcTaskExit(session->task);
    }
    if (session->thread != NULL) {
        LiteIpcThreadDestroy(session->thread);
    }
    if (session->device != NULL) {
        LiteIpcDeviceDetach(session->device);
    }
    memset(session, 0, sizeof(*session));
}

static int Receive(struct Session *session, struct LiteIpcEvent *events, int timeoutMs)
{
    for (;;) {
        int count = LiteIpcReceive(session->thread, events, SESSION_EVENTS);
        if (count != 0) {
            return count;
        }
        int status = LiteIpcWait(session->thread, timeoutMs);
        if (status < 0) {
            return status;
        }
        if (timeoutMs >= 0) {
            return LiteIpcReceive(session->thread, events, SESSION_EVENTS);
        }
    }
}

int SessionReceive(struct Session *session, int timeoutMs)
{
    int count = session->storedCount;

    if (count == 0) {
        return Receive(session, session->events, timeoutMs);
    }
    memcpy(session->events, session->stored, (size_t)count * sizeof(session->stored[0]));
    session->storedCount = 0;
    return count;
}

/* Waits for an event of one kind and stores the messages that arrive before or with it. */
static int Await(struct Session *session, enum LiteIpcEventKind kind, struct LiteIpcEvent *awaited)
{
    struct LiteIpcEvent events[SESSION_EVENTS];
    bool found = false;

    while (!found) {
        int count = Receive(session, events, -1);
        if (count < 0) {
            return count;
        }
        for (int index = 0; index < count; index++) {
            if (events[index].kind == kind && !found) {
                *awaited = events[index];
                found = true;
            } else if (events[index].kind == LITEIPC_EVENT_LOST) {
                return -ENODEV;
            } else if (events[index].kind != LITEIPC_EVENT_MESSAGE) {
                return -EBADMSG;
            } else if (session->storedCount == SESSION_EVENTS) {
                return -ENOBUFS;
            } else {
                session->stored[session->storedCount++] = events[index];
            }
        }
    }
    return awaited->status;
}

int SessionAwaitLane(struct Session *session)
{
    struct LiteIpcEvent lane;

    return Await(session, LITEIPC_EVENT_LANE, &lane);
}

int SessionSend(struct Session *session, const struct LiteIpcOutgoing *out)
{
    uint32_t callID = 0;

    for (uint32_t look = 1;; look++) {
        int status = LiteIpcSendRequest(session->task, out, 0, &callID);
        if (status == -ENOMEM) {
            /*
             * The receiver has not freed its messages yet. Spin; on a shared core, yield to the
             * receiver.
             */
            if (look % LOOKS_BEFORE_YIELD == 0) {
                sched_yield();
            } else {
                Relax();
            }
        } else if (status == -EINPROGRESS) {
            status = SessionAwaitLane(session);
            if (status != 0) {
                return status;
            }
        } else {
            return status;
        }
    }
}

int SessionCall(struct Session *session, const struct LiteIpcOutgoing *out, const IpcMsg **reply)
{
    struct LiteIpcEvent call;
    int status = SessionSend(session, out);

    if (status != 0) {
        return status;
    }
    status = Await(session, LITEIPC_EVENT_CALL, &call);
    *reply = status == 0 ? call.message : NULL;
    return status;
}

static int CmsCommand(struct Session *session, CmsCmd command, uint32_t taskID, uint32_t *handle)
{
    CmsCmdContent content = {.cmd = command, .taskID = taskID, .serviceHandle = *handle};
    int status = LiteIpcIoctl(session->task, IPC_CMS_CMD, (unsigned long)(uintptr_t)&content);

    if (status == 0) {
        *handle = content.serviceHandle;
    }
    return status;
}

/*
 * Holds the requests that the manager could not answer yet because the lane to the sender is
 * pending.
 */
struct PendingRequests {
    const IpcMsg *requests[WAITING_REQUESTS];
    int count;
};

/*
 * Answers one request with the service's handle, or 0 if there is no service yet. Other processes
 * learn the handle only after the service has received its own answer, so that the answer is the
 * first message in the service's lane.
 */
static int ManagerAnswer(struct Session *session, const IpcMsg *request, uint32_t *service)
{
    uint32_t handle = *service;
    int status = 0;

    if (request->code == MANAGER_REGISTER) {
        status = CmsCommand(session, CMS_GEN_HANDLE, request->taskID, &handle);
    } else if (handle != 0) {
        status = CmsCommand(session, CMS_ADD_ACCESS, request->taskID, &handle);
    }
    if (status != 0) {
        return status;
    }
    struct LiteIpcOutgoing out = {.data = &handle, .dataSz = sizeof(handle)};
    status = LiteIpcSendReply(session->task, request, &out);
    if (status == 0) {
        *service = handle;
    }
    return status;
}

/* Answers the requests that can be answered and retains the others. */
static int ManagerAnswerAll(struct Session *session, struct PendingRequests *pending,
                            uint32_t *service)
{
    int retained = 0;

    for (int index = 0; index < pending->count; index++) {
        int status = ManagerAnswer(session, pending->requests[index], service);
        if (status == -EINPROGRESS) {
            pending->requests[retained++] = pending->requests[index];
        } else if (status != 0) {
            return status;
        }
    }
    pending->count = retained;
    return 0;
}

static int ManagerServe(struct Session *session, const volatile int *stopped)
{
    struct PendingRequests pending = {.count = 0};
    uint32_t service = 0;

    while (*stopped == 0) {
        int count = SessionReceive(session, MANAGER_POLL_MS);
        if (count < 0 && count != -EINTR) {
            return count;
        }
        for (int index = 0; index < count; index++) {
            if (session->events[index].kind != LITEIPC_EVENT_MESSAGE) {
                continue;
            }
            if (pending.count == WAITING_REQUESTS) {
                return -ENOBUFS; /* the benchmarks have fewer processes than this */
            }
            pending.requests[pending.count++] = session->events[index].message;
        }
        int status = ManagerAnswerAll(session, &pending, &service);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

int ManagerRun(const char *domain, const volatile int *stopped)
{
    struct LiteIpcDomainOptions options = {.name = domain, .socketGid = UINT32_MAX};
    struct LiteIpcDomain *running = NULL;
    struct Session session;

    int status = LiteIpcDomainStart(&options, &running);
    if (status != 0) {
        return status;
    }
    status = SessionOpen(&session, domain, MANAGER_POOL_BYTES, UINT64_MAX);
    if (status == 0) {
        status = LiteIpcIoctl(session.task, IPC_SET_CMS, CMS_MESSAGE_BYTES);
        if (status == 0) {
            status = ManagerServe(&session, stopped);
        }
        SessionClose(&session);
    }
    LiteIpcDomainStop(running);
    return status;
}

static int AskManager(struct Session *session, enum ManagerCode code, uint32_t *handle)
{
    struct LiteIpcOutgoing out = {.handle = CMS_HANDLE, .code = (uint32_t)code};
    const IpcMsg *reply = NULL;

    int status = SessionCall(session, &out, &reply);
    if (status != 0) {
        return status;
    }
    if (reply->dataSz != sizeof(*handle)) {
        status = -EBADMSG;
    } else {
        memcpy(handle, reply->data, sizeof(*handle));
    }
    int freed = LiteIpcFree(session->thread, reply);
    return status != 0 ? status : freed;
}

/*
 * A request to handle 0 is refused until there is a CMS. The answer is handle 0 until there is a
 * service.
 */
static int AskManagerUntilKnown(struct Session *session, enum ManagerCode code, uint32_t *handle)
{
    int status = -ENOENT;

    *handle = 0;
    for (int retry = 0; retry < RETRIES && *handle == 0; retry++) {
        status = AskManager(session, code, handle);
        if (status != 0 && status != -EACCES && status != -EINVAL) {
            return status;
        }
        if (status != 0 || *handle == 0) {
            Pause();
        }
    }
    return status == 0 && *handle == 0 ? -ENOENT : status;
}

int SessionRegister(struct Session *session)
{
    uint32_t handle = 0;

    return AskManagerUntilKnown(session, MANAGER_REGISTER, &handle);
}

int SessionLookUp(struct Session *session, uint32_t *handle)
{
    return AskManagerUntilKnown(session, MANAGER_LOOK_UP, handle);
}
