/*
 * The domain server: the thread that does the kernel's work on the control path of one LiteIPC
 * system. It owns the control table and the control socket. It creates processes, threads, tasks
 * and lanes, and detects their end. It never waits for a client: every socket operation is
 * non-blocking, and every request is answered or refused at once.
 *
 * The domain terminates a process (and sends death notices for its tasks) that
 *   - does not read its sockets,
 *   - sends something that is not a request, or
 *   - sends with credentials other than those of the connection, for instance a forked child that
 *     uses its parent's socket.
 * It closes a connection that sends nothing for 5 s after connecting.
 *
 * Source: the control half of the LiteOS-A LiteIPC driver; unix(7), pidfd_open(2), memfd_create(2).
 */
#ifndef LITEIPC_DOMAIN_SERVER_H
#define LITEIPC_DOMAIN_SERVER_H

#include <stdbool.h>

#include "domain/options.h"

/* The use of a domain. All counts are 0 when no client is connected and all lanes are drained. */
struct DomainCounters {
    uint32_t connections; /* accepted, but not yet a process */
    uint32_t processes;   /* includes terminated processes whose lanes are not drained */
    uint32_t threads;
    uint32_t tasks; /* includes terminated tasks whose IDs cannot be reused yet */
    uint32_t lanes;
    uint32_t laneEnds; /* deposited, not yet in use */
    uint32_t parked;   /* lane requests that wait for a lane end */
};

/*
 * Starts a domain. Copies the options. Any thread. -EADDRINUSE: a domain of this name runs;
 * -EINVAL: bad name or limits; -EEXIST: a file that is not a socket exists at the path; -EPERM:
 * unsafe runtime directory; other errors of the system. DomainStop removes the socket; so does an
 * exit handler when the program ends through exit(3).
 */
int DomainStart(const struct DomainOptions *options, struct Domain **domain);

/*
 * Ends the domain; its clients see the end of their sockets. Call it once, from any thread except
 * the domain's own.
 */
void DomainStop(struct Domain *domain);

/*
 * Surround a fork(2) of the host program (defined in fork.c). Not while the domain is started or
 * stopped. The domain's thread is paused from Prepare until Parent or Child. Child closes every
 * descriptor of the domain without an effect on the parent; the child must not use `domain`
 * afterwards, and its memory is not freed.
 */
void DomainForkPrepare(struct Domain *domain);
void DomainForkParent(struct Domain *domain);
void DomainForkChild(struct Domain *domain);

/* Reads the counters. Any thread, while the domain runs. */
void DomainCount(const struct Domain *domain, struct DomainCounters *counters);

/* Returns the path of the control socket; valid as long as the domain. */
const char *DomainPath(const struct Domain *domain);

/*
 * Returns a descriptor (owned by the domain) that becomes readable if the domain's thread ends
 * because epoll_wait(2) fails. For poll(2) in a program that only runs a domain.
 */
int DomainDescriptor(const struct Domain *domain);

#endif
