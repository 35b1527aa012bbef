/*
 * The domain server: the thread that plays the kernel for the control path of one LiteIPC system.
 * It owns the control table and the control socket, makes processes, threads, tasks and lanes, and
 * notices their end. It never waits for a client: every socket operation is non-blocking, every
 * request is answered or refused at once, and a client that does not read is cut off.
 *
 * Cut off are also (the whole process, with notices to those concerned): who sends what is not a
 * request, who sends with credentials other than those of the connection (a forked child that uses
 * its parent's socket), who sends nothing for 5 s after connecting.
 *
 * Source: the control half of the LiteOS-A LiteIPC driver; unix(7), pidfd_open(2), memfd_create(2).
 */
#ifndef LITEIPC_HOST_DOMAIN_SERVER_H
#define LITEIPC_HOST_DOMAIN_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/message.h"
#include "control/table.h"

struct Domain;
struct DomainTask;
struct DomainThread;

/*
 * The kernel's control paths (native/kernel/control_path/control_paths.h), called by the domain's
 * thread alone. They get the calling thread or task, checked to be alive and the sender's own; 0 or
 * a negative errno.
 */
struct DomainKernelOperations {
    int (*init)(struct Domain *domain);                               /* OsLiteIpcInit */
    void (*taskInit)(struct Domain *domain, struct DomainTask *task); /* LiteIpcTaskInit */
    /* LiteIpcRemoveServiceHandle, and the end of the roles that the task has */
    void (*taskExit)(struct Domain *domain, struct DomainTask *task);
    int (*setCms)(struct Domain *domain, struct DomainTask *caller, uint32_t maxMsgSize);
    int (*setIpcTask)(struct Domain *domain, struct DomainTask *caller);
    int (*handleCmsCmd)(struct Domain *domain, struct DomainTask *caller,
                        struct ControlCmsCommand *command);
    int (*removeAccess)(struct Domain *domain, struct DomainTask *caller,
                        const struct ControlAccess *access);
    int (*grantAccess)(struct Domain *domain, struct DomainTask *caller,
                       const struct ControlAccess *access);
};

struct DomainOptions {
    const char *name; /* as in platform/runtime_directory.h */
    struct ControlLimits limits;
    uint32_t socketMode; /* permission bits of the socket; 0 means 0600 */
    gid_t socketGid;     /* group of the socket; (gid_t)-1 leaves it */
    /* Who may become ServiceManager. NULL: only the uid that starts the domain. */
    const uint32_t *cmsUids;
    size_t cmsUidCount;
    const char *cmsProgram; /* and, when not NULL, with this executable */
    /* Each uid other than the starter's gets 1/quotaDivisor of everything; 0 means 4. */
    uint32_t quotaDivisor;
    const struct DomainKernelOperations *kernel; /* outlives the domain */
};

/* What a domain holds. Everything is 0 when nobody is connected and all that died was drained. */
struct DomainCounters {
    uint32_t connections; /* accepted, but not yet a process */
    uint32_t processes;   /* the dead that are kept for their lanes included */
    uint32_t threads;
    uint32_t tasks; /* the dead that cannot be reused yet included */
    uint32_t lanes;
    uint32_t laneEnds; /* deposited, not yet in use */
    uint32_t parked;   /* lane requests that wait for a lane end */
};

/*
 * Starts a domain. -EADDRINUSE: one of that name runs; -EINVAL: bad name or limits; -EEXIST:
 * something that is not a socket lies at its path; -EPERM: unsafe runtime directory; or what the
 * system says. The options are copied. Any thread. The socket is removed by DomainStop or, when the
 * program ends through exit(3), by an exit handler.
 */
int DomainStart(const struct DomainOptions *options, struct Domain **domain);

/*
 * Ends the domain: its clients see the end of their sockets. Any thread but the domain's own, once.
 */
void DomainStop(struct Domain *domain);

/*
 * Around a fork(2) of the host program, not while the domain is started or stopped: the domain's
 * thread stands still from Prepare to Parent or Child. Child closes every descriptor of the domain,
 * silently; of the child's `domain` nothing may be used any more, and its memory stays.
 */
void DomainForkPrepare(struct Domain *domain);
void DomainForkParent(struct Domain *domain);
void DomainForkChild(struct Domain *domain);

/* Any thread, while the domain runs. */
void DomainCount(const struct Domain *domain, struct DomainCounters *counters);

/* Path of the control socket; valid as long as the domain. */
const char *DomainPath(const struct Domain *domain);

/*
 * A descriptor (owned by the domain) that becomes readable if the domain's thread ends by itself,
 * which only a broken system can bring about. For poll(2) in a program that does nothing but run a
 * domain.
 */
int DomainDescriptor(const struct Domain *domain);

#endif
