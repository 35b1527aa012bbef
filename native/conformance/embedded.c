#include "conformance/portable.h"

#include "conformance/embedded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "liteipc/liteipc.h"

/* The path of a socket in the folder must fit sockaddr_un, 108 bytes. */
#define FOLDER_SIZE 92

struct Embedded {
    char folder[FOLDER_SIZE], socket[FOLDER_SIZE + 16];
    struct LiteIpcDomain *domain;
    pthread_t threads[TABLE_PROCESSES_MAX]; /* the control threads of the workers */
};

/* State of a task on this platform. */
struct EmbeddedTask {
    struct LiteIpcThread *thread;
    struct LiteIpcTask *task;
};

static struct LiteIpcDevice *DeviceOf(const struct Actor *actor)
{
    return actor->worker->own;
}

static struct LiteIpcTask *TaskOf(const struct Actor *actor)
{
    return ((struct EmbeddedTask *)actor->own)->task;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static int TaskBegin(struct Actor *actor, uint32_t *taskID, uint32_t *processID)
{
    struct EmbeddedTask *own = calloc(1, sizeof(*own));
    if (own == NULL) {
        return -ENOMEM;
    }
    int status = LiteIpcThreadCreate(DeviceOf(actor), &own->thread);
    if (status == 0) {
        status = LiteIpcTaskCreate(own->thread, &own->task);
        if (status != 0) {
            LiteIpcThreadDestroy(own->thread);
        }
    }
    if (status != 0) {
        free(own);
        return status;
    }
    actor->own = own;
    *taskID = LiteIpcTaskID(own->task);
    *processID = LiteIpcDeviceProcessID(DeviceOf(actor));
    return 0;
}

static void TaskEnd(struct Actor *actor)
{
    struct EmbeddedTask *own = actor->own;
    LiteIpcTaskExit(own->task);
    LiteIpcThreadDestroy(own->thread);
    free(own);
    actor->own = NULL;
}

static int Open(struct Actor *actor)
{
    return LiteIpcOpen(TaskOf(actor));
}

static int Close(struct Actor *actor)
{
    return LiteIpcClose(TaskOf(actor));
}

static int Map(struct Actor *actor, size_t size, int protection, int flags)
{
    void *address;
    return LiteIpcMmap(TaskOf(actor), size, protection, flags, &address);
}

static int Control(struct Actor *actor, unsigned int command, unsigned long argument)
{
    return LiteIpcIoctl(TaskOf(actor), command, argument);
}

static int Pool(struct Actor *actor, size_t *nodes, size_t *bytes)
{
    LiteIpcPoolCount(DeviceOf(actor), nodes, bytes);
    return 0;
}

static bool CanCall(struct Actor *actor)
{
    (void)actor;
    return true;
}

/* ---- processes ------------------------------------------------------------------------------- */

static void *ControlThread(void *argument)
{
    WorkerRun(argument, NULL);
    return NULL;
}

/* Makes the worker of a device, and takes ownership of the device. */
static int StartWorker(struct WorkerGroup *group, uint32_t process, struct LiteIpcDevice *device)
{
    struct Embedded *embedded = group->own;
    struct Worker *worker = WorkerCreate(group, process);
    if (worker == NULL) {
        LiteIpcDeviceDetach(device);
        return -ENOMEM;
    }
    worker->own = device;
    int status = pthread_create(&embedded->threads[process], NULL, ControlThread, worker);
    if (status != 0) {
        WorkerFree(worker);
        LiteIpcDeviceDetach(device);
    }
    return -status;
}

static int ProcessStart(struct WorkerGroup *group, uint32_t process, int64_t *pid)
{
    struct Embedded *embedded = group->own;
    struct LiteIpcDevice *device;
    *pid = 0;
    int status = LiteIpcDeviceAttach(embedded->socket, &device);
    return status != 0 ? status : StartWorker(group, process, device);
}

static void AllStarted(struct WorkerGroup *group)
{
    (void)group;
}

static int Fork(struct Actor *actor, uint32_t child, int64_t *pid)
{
    struct LiteIpcDevice *device;
    *pid = 0;
    int status = LiteIpcDeviceForked(DeviceOf(actor), &device);
    return status != 0 ? status : StartWorker(actor->worker->group, child, device);
}

static void ProcessEnd(struct Worker *worker)
{
    LiteIpcDeviceShutdown(worker->own);
}

static void ProcessFree(struct Worker *worker)
{
    LiteIpcDeviceDetach(worker->own);
}

static void ProcessCollect(struct WorkerGroup *group, uint32_t process, int64_t pid, bool byForce,
                           char how[END_TEXT_SIZE])
{
    struct Embedded *embedded = group->own;
    (void)pid;
    how[0] = '\0';
    if (!byForce) {
        (void)pthread_join(embedded->threads[process], NULL);
    }
}

static void Reap(int64_t pid)
{
    (void)pid;
}

const struct Platform EMBEDDED_PLATFORM = PLATFORM_OF_FILE;

/* ---- the domain ------------------------------------------------------------------------------ */

#define FOLDER_NAME "/liteipc-conformance-XXXXXX"

/* Returns TMPDIR, if its name leaves room for the names of files in it. */
static const char *TemporaryFolder(void)
{
    const char *folder = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): one thread */
    bool isFit =
        folder != NULL && folder[0] == '/' && strlen(folder) + sizeof(FOLDER_NAME) <= FOLDER_SIZE;
    return isFit ? folder : "/tmp";
}

int EmbeddedCreate(struct Embedded **embedded)
{
    struct Embedded *created = calloc(1, sizeof(*created));
    if (created == NULL) {
        return -ENOMEM;
    }
    (void)snprintf(created->folder, sizeof(created->folder), "%s" FOLDER_NAME, TemporaryFolder());
    if (mkdtemp(created->folder) == NULL) {
        int status = -errno;
        free(created);
        return status;
    }
    (void)snprintf(created->socket, sizeof(created->socket), "%s/domain.sock", created->folder);
    struct LiteIpcDomainOptions options = {
        .name = created->socket, .profile = LITEIPC_PROFILE_LITEOS_A, .socketGid = (uint32_t)-1};
    int status = LiteIpcDomainStart(&options, &created->domain);
    if (status != 0) {
        EmbeddedRemoveFolder(created);
        free(created);
        return status;
    }
    *embedded = created;
    return 0;
}

void EmbeddedRemoveFolder(const struct Embedded *embedded)
{
    char lock[sizeof(embedded->socket) + 8];
    (void)snprintf(lock, sizeof(lock), "%s.lock", embedded->socket);
    (void)unlink(lock);
    (void)unlink(embedded->socket);
    (void)rmdir(embedded->folder);
}

void EmbeddedFree(struct Embedded *embedded)
{
    LiteIpcDomainStop(embedded->domain);
    EmbeddedRemoveFolder(embedded);
    free(embedded);
}
