/* Starts and stops a domain with one of the two profiles. */
#include <errno.h>
#include <stdlib.h>

#include "domain/server.h"
#include "kernel/control_path/control_paths.h"
#include "liteipc/liteipc.h"

#define KIB 1024U
#define MIB (1024U * KIB)

struct LiteIpcDomain {
    struct Domain *server;
};

/* Slot 0 of each table is never used: a limit of n allows n - 1 processes, tasks or threads. */
static const struct ControlLimits PROFILES[] = {
    [LITEIPC_PROFILE_HOST] =
        {
            .profile = LITEIPC_PROFILE_HOST,
            .processLimit = 1024,
            .taskLimit = 4096,
            .threadLimit = 4096,
            .laneLimit = 16384,
            .dataLimit = 64 * KIB,
            .objectLimit = 256,
            .poolDefault = 256 * KIB,
            .poolMaximum = 64 * MIB,
        },
    [LITEIPC_PROFILE_LITEOS_A] =
        {
            .profile = LITEIPC_PROFILE_LITEOS_A,
            .processLimit = 64,
            .taskLimit = 128,
            .threadLimit = 128,
            .laneLimit = 4096,
            .dataLimit = IPC_MSG_DATA_SZ_MAX,
            .objectLimit = IPC_MSG_OBJECT_NUM_MAX,
            .poolDefault = 64 * KIB,
            .poolMaximum = 256 * KIB,
        },
};

int LiteIpcDomainStart(const struct LiteIpcDomainOptions *options, struct LiteIpcDomain **domain)
{
    if (options == NULL || options->name == NULL || domain == NULL ||
        (unsigned)options->profile >= sizeof(PROFILES) / sizeof(PROFILES[0])) {
        return -EINVAL;
    }
    struct LiteIpcDomain *created = calloc(1, sizeof(*created));
    if (created == NULL) {
        return -ENOMEM;
    }
    struct DomainOptions server = {
        .name = options->name,
        .limits = PROFILES[options->profile],
        .socketMode = options->socketMode,
        .socketGid = options->socketGid,
        .cmsUids = options->cmsUids,
        .cmsUidCount = options->cmsUidCount,
        .cmsProgram = options->cmsProgram,
        .kernel = &LITEIPC_KERNEL_OPERATIONS,
    };
    int status = DomainStart(&server, &created->server);
    if (status != 0) {
        free(created);
        return status;
    }
    *domain = created;
    return 0;
}

void LiteIpcDomainStop(struct LiteIpcDomain *domain)
{
    if (domain != NULL) {
        DomainStop(domain->server);
        free(domain);
    }
}

void LiteIpcDomainCount(struct LiteIpcDomain *domain, struct LiteIpcDomainCounters *counters)
{
    struct DomainCounters server;
    DomainCount(domain->server, &server);
    *counters = (struct LiteIpcDomainCounters){
        .processes = server.processes,
        .threads = server.threads,
        .tasks = server.tasks,
        .lanes = server.lanes,
        .parkedRequests = server.parked,
    };
}

void LiteIpcDomainForkPrepare(struct LiteIpcDomain *domain)
{
    DomainForkPrepare(domain->server);
}

void LiteIpcDomainForkParent(struct LiteIpcDomain *domain)
{
    DomainForkParent(domain->server);
}

void LiteIpcDomainForkChild(struct LiteIpcDomain *domain)
{
    DomainForkChild(domain->server);
}

const char *LiteIpcDomainPath(const struct LiteIpcDomain *domain)
{
    return DomainPath(domain->server);
}
