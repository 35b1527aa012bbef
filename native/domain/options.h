/* The options of a domain, and the kernel's control paths that a domain calls. */
#ifndef LITEIPC_DOMAIN_OPTIONS_H
#define LITEIPC_DOMAIN_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/message.h"
#include "control/table.h"

struct Domain;
struct DomainTask;

/*
 * The kernel's control paths (native/kernel/control_path/control_paths.h). Only the domain's thread
 * calls them. `caller` is alive and belongs to the sender of the request. They return 0 or a
 * negative errno.
 */
struct DomainKernelOperations {
    int (*init)(struct Domain *domain);                               /* OsLiteIpcInit */
    void (*taskInit)(struct Domain *domain, struct DomainTask *task); /* LiteIpcTaskInit */
    /* LiteIpcRemoveServiceHandle; also ends the roles of the task */
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
    const char *name; /* see platform/runtime_directory.h */
    struct ControlLimits limits;
    uint32_t socketMode; /* permission bits of the socket; 0 means 0600 */
    gid_t socketGid;     /* group of the socket; (gid_t)-1 leaves the group unchanged */
    /* The uids that may become ServiceManager. NULL: only the uid that starts the domain. */
    const uint32_t *cmsUids;
    size_t cmsUidCount;
    const char *cmsProgram; /* if not NULL, the ServiceManager must also run this executable */
    /* Each uid other than the starter's gets 1/quotaDivisor of every resource; 0 means 4. */
    uint32_t quotaDivisor;
    const struct DomainKernelOperations *kernel; /* outlives the domain */
};

#endif
