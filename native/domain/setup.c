#include "domain/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "domain/address.h"

#define QUOTA_DIVISOR 4

/*
 * Creates, maps and seals the table before its descriptor is sent: no receiver can map it writable.
 */
static int MakeTable(struct Domain *domain)
{
    uint64_t epoch;

    domain->tableSize = ControlTableSize(&domain->limits);
    domain->tableDescriptor = memfd_create("liteipc-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (domain->tableDescriptor < 0 ||
        ftruncate(domain->tableDescriptor, (off_t)domain->tableSize) != 0 ||
        getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch)) {
        return -errno;
    }
    void *memory = mmap(NULL, domain->tableSize, PROT_READ | PROT_WRITE, MAP_SHARED,
                        domain->tableDescriptor, 0);
    if (memory == MAP_FAILED) {
        return -errno;
    }
    domain->table = memory;
    if (madvise(memory, domain->tableSize, MADV_DONTFORK) != 0 ||
        fcntl(domain->tableDescriptor, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
        return -errno;
    }
    ControlTableInit(domain->table, &domain->limits, epoch);
    return 0;
}

static void InitProcess(struct DomainProcess *process, uint32_t id)
{
    process->id = id;
    process->pidDescriptor = -1;
    process->socket.descriptor = -1;
    ListInit(&process->link);
    ListInit(&process->threads);
    ListInit(&process->tasks);
    ListInit(&process->outbound);
}

static void InitThread(struct DomainThread *thread, uint32_t id)
{
    thread->id = id;
    thread->socket.descriptor = -1;
    ListInit(&thread->link);
    ListInit(&thread->inProcess);
    ListInit(&thread->tasks);
    ListInit(&thread->inbound);
    ListInit(&thread->leased);
    ListInit(&thread->laneEnds);
    ListInit(&thread->parkedInbound);
    ListInit(&thread->parkedOutbound);
}

static int MakeSlots(struct Domain *domain)
{
    const struct ControlLimits *limits = &domain->limits;
    size_t words = domain->table->accessWords;

    domain->processes = calloc(limits->processLimit, sizeof(*domain->processes));
    domain->threads = calloc(limits->threadLimit, sizeof(*domain->threads));
    domain->tasks = calloc(limits->taskLimit, sizeof(*domain->tasks));
    domain->lanes = calloc(limits->laneLimit, sizeof(*domain->lanes));
    domain->related = calloc(words, sizeof(*domain->related));
    domain->noticeTargets = calloc(words * limits->taskLimit, sizeof(*domain->noticeTargets));
    if (domain->processes == NULL || domain->threads == NULL || domain->tasks == NULL ||
        domain->lanes == NULL || domain->related == NULL || domain->noticeTargets == NULL) {
        return -ENOMEM;
    }
    for (uint32_t id = 1; id < limits->processLimit; id++) {
        InitProcess(&domain->processes[id], id);
        ListAppend(&domain->freeProcesses, &domain->processes[id].link);
    }
    for (uint32_t id = 1; id < limits->threadLimit; id++) {
        InitThread(&domain->threads[id], id);
        ListAppend(&domain->freeThreads, &domain->threads[id].link);
    }
    for (uint32_t id = 1; id < limits->taskLimit; id++) {
        struct DomainTask *task = &domain->tasks[id];
        task->id = id;
        task->noticeTargets = domain->noticeTargets + words * id;
        ListInit(&task->link);
        ListInit(&task->inProcess);
        ListInit(&task->inThread);
        ListAppend(&domain->freeTasks, &task->link);
    }
    for (uint32_t index = 0; index < limits->laneLimit; index++) {
        struct DomainLane *lane = &domain->lanes[index];
        lane->id = index + 1;
        ListInit(&lane->link);
        ListInit(&lane->inSender);
        ListInit(&lane->inReceiver);
        ListInit(&lane->inLease);
        ListAppend(&domain->freeLanes, &lane->link);
    }
    return 0;
}

int DomainMakeEvents(struct Domain *domain)
{
    struct epoll_event stop = {.events = EPOLLIN, .data.u64 = DomainEventKey(EVENT_STOP, 0, 0)};
    struct epoll_event listener = {.events = EPOLLIN,
                                   .data.u64 = DomainEventKey(EVENT_LISTENER, 0, 0)};

    domain->epoll = epoll_create1(EPOLL_CLOEXEC);
    domain->stopDescriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    domain->endedDescriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    domain->spareDescriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (domain->epoll < 0 || domain->stopDescriptor < 0 || domain->endedDescriptor < 0 ||
        domain->spareDescriptor < 0 ||
        epoll_ctl(domain->epoll, EPOLL_CTL_ADD, domain->stopDescriptor, &stop) != 0 ||
        epoll_ctl(domain->epoll, EPOLL_CTL_ADD, domain->listener, &listener) != 0) {
        return -errno;
    }
    return 0;
}

/*
 * Sets the quotas of each uid. A lane end holds three descriptors, a parked request one; their
 * quotas are fractions of RLIMIT_NOFILE.
 */
static void MakeQuotas(struct Domain *domain, uint32_t divisor)
{
    const struct ControlLimits *limits = &domain->limits;
    struct rlimit descriptors = {.rlim_cur = 1024};

    (void)getrlimit(RLIMIT_NOFILE, &descriptors);
    rlim_t available = descriptors.rlim_cur < (1U << 20) ? descriptors.rlim_cur : 1U << 20;
    domain->quotas[RESOURCE_CONNECTION] = DOMAIN_CONNECTIONS_PER_USER * divisor;
    domain->quotas[RESOURCE_PROCESS] = limits->processLimit;
    domain->quotas[RESOURCE_THREAD] = limits->threadLimit;
    domain->quotas[RESOURCE_TASK] = limits->taskLimit;
    domain->quotas[RESOURCE_LANE] = limits->laneLimit;
    domain->quotas[RESOURCE_LANE_END] = (uint32_t)(available / 4);
    domain->quotas[RESOURCE_PARKED] = (uint32_t)(available / 8);
    for (uint32_t resource = 0; resource < RESOURCE_COUNT; resource++) {
        domain->quotas[resource] /= divisor;
        domain->quotas[resource] = domain->quotas[resource] > 0 ? domain->quotas[resource] : 1;
    }
}

static int CopyOptions(struct Domain *domain, const struct DomainOptions *options)
{
    size_t count = options->cmsUids != NULL ? options->cmsUidCount : 1;

    domain->limits = options->limits;
    domain->kernel = options->kernel;
    domain->ownerUid = geteuid();
    domain->ownerPid = getpid();
    domain->cmsUids = calloc(count > 0 ? count : 1, sizeof(*domain->cmsUids));
    if (domain->cmsUids == NULL) {
        return -ENOMEM;
    }
    domain->cmsUidCount = count;
    if (options->cmsUids == NULL) {
        domain->cmsUids[0] = domain->ownerUid;
    } else if (count > 0) {
        memcpy(domain->cmsUids, options->cmsUids, count * sizeof(*domain->cmsUids));
    }
    if (options->cmsProgram != NULL) {
        domain->cmsProgram = realpath(options->cmsProgram, NULL);
        if (domain->cmsProgram == NULL) {
            return -errno;
        }
    }
    MakeQuotas(domain, options->quotaDivisor != 0 ? options->quotaDivisor : QUOTA_DIVISOR);
    return 0;
}

static int CheckOptions(const struct DomainOptions *options)
{
    const struct ControlLimits *limits = &options->limits;
    if (limits->processLimit < 2 || limits->processLimit > (1U << 16) || limits->threadLimit < 2 ||
        limits->threadLimit > (1U << 16) || limits->taskLimit < 2 ||
        limits->taskLimit > (1U << 16) || limits->laneLimit < 1 ||
        limits->laneLimit > DOMAIN_LANES_MAX || limits->poolMaximum == 0 ||
        options->kernel == NULL) {
        return -EINVAL;
    }
    return 0;
}

static void CloseAll(const int *descriptors, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        if (descriptors[index] >= 0) {
            close(descriptors[index]);
        }
    }
}

void DomainFree(struct Domain *domain)
{
    DomainAddressRelease(domain);
    (void)pthread_mutex_destroy(&domain->turn);
    CloseAll((int[]){domain->epoll, domain->stopDescriptor, domain->endedDescriptor,
                     domain->spareDescriptor, domain->tableDescriptor},
             5);
    if (domain->table != NULL) {
        (void)munmap(domain->table, domain->tableSize);
    }
    free(domain->processes);
    free(domain->threads);
    free(domain->tasks);
    free(domain->lanes);
    free(domain->related);
    free(domain->noticeTargets);
    free(domain->cmsUids);
    free(domain->cmsProgram);
    free(domain);
}

int DomainMake(const struct DomainOptions *options, struct Domain **result)
{
    int status = CheckOptions(options);
    if (status != 0) {
        return status;
    }
    struct Domain *domain = calloc(1, sizeof(*domain));
    if (domain == NULL) {
        return -ENOMEM;
    }
    domain->epoll = domain->stopDescriptor = domain->endedDescriptor = -1;
    domain->spareDescriptor = domain->tableDescriptor = -1;
    domain->listener = domain->lockDescriptor = -1;
    (void)pthread_mutex_init(&domain->turn, NULL);
    struct List *heads[] = {&domain->inExitList,  &domain->users,      &domain->freeProcesses,
                            &domain->freeThreads, &domain->freeTasks,  &domain->freeLanes,
                            &domain->heldTasks,   &domain->terminating};
    for (size_t index = 0; index < sizeof(heads) / sizeof(heads[0]); index++) {
        ListInit(heads[index]);
    }
    for (uint32_t slot = 0; slot < DOMAIN_CONNECTIONS_MAX; slot++) {
        domain->connections[slot].descriptor = -1;
    }
    status = CopyOptions(domain, options);
    if (status == 0) {
        status = RuntimeSocketPath(options->name, true, domain->path, sizeof(domain->path));
    }
    if (status == 0) {
        status = MakeTable(domain);
    }
    if (status == 0) {
        status = MakeSlots(domain);
    }
    if (status == 0) {
        status = domain->kernel->init(domain);
    }
    if (status != 0) {
        DomainFree(domain);
        return status;
    }
    *result = domain;
    return 0;
}
