/*
 * Wraps the embedding API for the LiteIPC benchmarks: opens a device with one thread and one task,
 * runs a ServiceManager for one service, finds that service, sends messages.
 */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include "liteipc/liteipc.h"

#define SESSION_EVENTS 64

/* A `Session` is one LiteIPC process with one task. Only the OS thread that opened it uses it. */
struct Session {
    struct LiteIpcDevice *device;
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    struct LiteIpcEvent events[SESSION_EVENTS]; /* result of the last SessionReceive */
    struct LiteIpcEvent stored[SESSION_EVENTS]; /* arrived during other waits */
    int storedCount;
};

/*
 * Opens the device of a domain, waiting up to 5 s for the domain to start, and maps a pool of
 * `poolBytes`. `spinNs` is the longest wait before sleeping; UINT64_MAX selects the default.
 * Returns 0 or a negative errno; on an error nothing stays open.
 */
int SessionOpen(struct Session *session, const char *domain, size_t poolBytes, uint64_t spinNs);
void SessionClose(struct Session *session);

/*
 * Takes events into session->events and sleeps until there is one. Returns the number of events, 0
 * after `timeoutMs` (-1: no limit), or a negative errno.
 */
int SessionReceive(struct Session *session, int timeoutMs);

/*
 * Waits for a lane after a send returned -EINPROGRESS and returns the lane's status. Messages that
 * arrive meanwhile are stored for SessionReceive.
 */
int SessionAwaitLane(struct Session *session);

/*
 * Sends a request. Waits while its lane is pending, and retries while this sender's share of the
 * receiver's pool is used up.
 */
int SessionSend(struct Session *session, const struct LiteIpcOutgoing *out);

/*
 * Sends a request and waits for the reply, which is valid in *reply until LiteIpcFree. Messages
 * that arrive meanwhile are stored for SessionReceive.
 */
int SessionCall(struct Session *session, const struct LiteIpcOutgoing *out, const IpcMsg **reply);

/*
 * Starts a domain and serves as its ServiceManager until `*stopped` is not 0. One process registers
 * as the service; every process that looks the service up may call it. Returns 0 or a negative
 * errno.
 */
int ManagerRun(const char *domain, const volatile int *stopped);

/* Registers this session's task as the service of the domain. */
int SessionRegister(struct Session *session);

/* Waits up to 5 s for the service, and obtains its handle and the right to call it. */
int SessionLookUp(struct Session *session, uint32_t *handle);

#endif
