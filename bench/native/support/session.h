/*
 * What every LiteIPC program of these benchmarks does with the embedding API: open a device with
 * one thread and one task, be the ServiceManager of one service, find that service, send.
 */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include "liteipc/liteipc.h"

#define SESSION_EVENTS 64

/* One LiteIPC process with one task. Used by the OS thread that opened it. */
struct Session {
    struct LiteIpcDevice *device;
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
    struct LiteIpcEvent events[SESSION_EVENTS]; /* of the last SessionReceive */
    struct LiteIpcEvent kept[SESSION_EVENTS];   /* came while something else was awaited */
    int keptCount;
};

/*
 * Opens the device of a domain, waiting up to 5 s for the domain to start, and maps a pool of
 * `poolBytes`. `spinNs` is the longest wait before sleeping; UINT64_MAX keeps the default.
 * 0 or a negative errno; on an error nothing stays open.
 */
int SessionOpen(struct Session *session, const char *domain, size_t poolBytes, uint64_t spinNs);
void SessionClose(struct Session *session);

/*
 * Takes events into session->events, sleeping until there is one. Returns their number, 0 after at
 * most `timeoutMs` (-1: no limit), or a negative errno.
 */
int SessionReceive(struct Session *session, int timeoutMs);

/*
 * After a send returned -EINPROGRESS: waits for the lane and returns what became of it. Messages
 * that come meanwhile are kept for SessionReceive.
 */
int SessionAwaitLane(struct Session *session);

/*
 * Sends a request; waits while its lane is being made, and tries again while this sender's share of
 * the receiver's pool is used up.
 */
int SessionSend(struct Session *session, const struct LiteIpcOutgoing *out);

/*
 * Sends a request and waits for its answer, which is in *reply until LiteIpcFree. Messages that
 * come meanwhile are kept for SessionReceive.
 */
int SessionCall(struct Session *session, const struct LiteIpcOutgoing *out, const IpcMsg **reply);

/*
 * Starts a domain and serves as its ServiceManager until `*stopped` is not 0: one process registers
 * as the service, every process that looks it up may call it. Returns 0 or a negative errno.
 */
int ManagerRun(const char *domain, const volatile int *stopped);

/* Makes this session's task the service of the domain. */
int SessionRegister(struct Session *session);

/* Waits up to 5 s for the service, gets the right to call it, and its handle. */
int SessionLookUp(struct Session *session, uint32_t *handle);

#endif
