/* Performs one step through the device, in the thread of its task. */
#include "conformance/portable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance/compose.h"
#include "conformance/snapshot.h"
#include "conformance/worker.h"

/* Time during which other threads may still be dropping messages of the pool, ms. */
#define POOL_TIMEOUT_MS 1000U
/* The search for a descriptor that is not open begins here. */
#define DESCRIPTOR_HIGHEST 255

/* ---- descriptors to be sent ------------------------------------------------------------------ */

static void MakePipe(struct Worker *worker)
{
    int ends[2];
    if (pipe(ends) == 0) {
        worker->descriptors[DESCRIPTOR_PIPE_READ] = ends[0];
        worker->descriptors[DESCRIPTOR_PIPE_WRITE] = ends[1];
    }
}

static void MakeFile(struct Worker *worker)
{
    FILE *file = tmpfile();
    int descriptor = file == NULL ? -1 : dup(fileno(file));
    if (file != NULL) {
        (void)fclose(file);
    }
    /* A board may have no folder for temporary files. */
    worker->descriptors[DESCRIPTOR_FILE] = descriptor >= 0 ? descriptor : open("/dev/null", O_RDWR);
}

static void FindClosed(struct Worker *worker)
{
    int descriptor = DESCRIPTOR_HIGHEST;
    while (descriptor >= 0 && fcntl(descriptor, F_GETFD) >= 0) {
        descriptor--;
    }
    worker->descriptors[DESCRIPTOR_BAD] = descriptor;
}

static int FindDescriptor(void *context, enum PartDescriptor kind)
{
    struct Worker *worker = context;
    (void)pthread_mutex_lock(&worker->reportLock);
    if (worker->descriptors[kind] < 0) {
        switch (kind) {
            case DESCRIPTOR_FILE:
                MakeFile(worker);
                break;
            case DESCRIPTOR_BAD:
                FindClosed(worker);
                break;
            default:
                MakePipe(worker);
                break;
        }
    }
    int descriptor = worker->descriptors[kind];
    (void)pthread_mutex_unlock(&worker->reportLock);
    return descriptor;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int Control(struct Actor *actor, unsigned int command, const void *argument)
{
    return actor->worker->group->platform->control(actor, command,
                                                   (unsigned long)(uintptr_t)argument);
}

static int Map(struct Actor *actor, const struct Step *step)
{
    int protection = step->isWritable ? PROT_READ | PROT_WRITE : PROT_READ;
    return actor->worker->group->platform->map(actor, step->size, protection,
                                               step->isShared ? MAP_SHARED : MAP_PRIVATE);
}

static int CmsCommand(struct Actor *actor, const struct Step *step, struct Report *report)
{
    const struct Scenario *scenario = actor->worker->group->scenario;
    CmsCmdContent content;
    memset(&content, 0, sizeof(content));
    memcpy(&content.cmd, &step->command,
           sizeof(step->command)); /* the value may be outside the enumeration */
    content.taskID = (uint32_t)EnvironmentValue(scenario, actor->environment, &step->of);
    content.serviceHandle = (uint32_t)EnvironmentValue(scenario, actor->environment, &step->handle);
    int result = Control(actor, IPC_CMS_CMD, &content);
    report->value = content.serviceHandle;
    return result;
}

static int Version(struct Actor *actor, struct Report *report)
{
    IpcVersion version = {.driverVersion = -1};
    int result = Control(actor, IPC_GET_VERSION, &version);
    report->value = (uint32_t)version.driverVersion;
    return result;
}

static int Message(struct Actor *actor, const struct Step *step, const struct Order *order,
                   struct Report *report, uint8_t **blob)
{
    struct Composition composition;
    memset(&composition, 0, sizeof(composition));
    if (step->out != NULL) {
        int status = Compose(actor->worker->group->scenario, actor->environment, step->out,
                             FindDescriptor, actor->worker, &composition);
        if (status != 0) {
            ComposeFree(&composition);
            return status;
        }
    }
    IpcContent content;
    memset(&content, 0, sizeof(content));
    content.flag = step->flag;
    content.outMsg = step->out == NULL ? NULL : &composition.message;
    content.buffToFree = (void *)(uintptr_t)order->toFree;
    int result = Control(actor, IPC_SEND_RECV_MSG, &content);
    ComposeFree(&composition);
    if (result >= 0 && step->flag & RECV && content.inMsg != NULL) {
        int status = SnapshotTake(content.inMsg, blob, &report->blobSize);
        report->hasMessage = status == 0;
        report->address = (uintptr_t)content.inMsg;
        result = status == 0 ? result : status;
    }
    return result;
}

static int Pool(struct Actor *actor, const struct Step *step, struct Report *report)
{
    uint64_t end = NowMs() + POOL_TIMEOUT_MS;
    for (;;) {
        size_t nodes = 0, bytes = 0;
        int result = actor->worker->group->platform->pool(actor, &nodes, &bytes);
        bool agrees = step->size == TABLE_NONE ? nodes == 0 : bytes == step->size;
        report->nodes = nodes;
        report->bytes = bytes;
        report->isSkipped = result == -ENOTSUP;
        if (agrees || result != 0 || NowMs() >= end) {
            return result;
        }
        SleepUs(1000);
    }
}

static int Call(struct Actor *actor, const struct Step *step, const struct Order *order,
                struct Report *report, uint8_t **blob)
{
    switch (step->action) {
        case ACTION_MMAP:
            return Map(actor, step);
        case ACTION_SET_IPC_THREAD:
            return Control(actor, IPC_SET_IPC_THREAD, NULL);
        case ACTION_SET_CMS:
            return Control(actor, IPC_SET_CMS, (const void *)(uintptr_t)step->size);
        case ACTION_VERSION:
            return Version(actor, report);
        case ACTION_CMS_COMMAND:
            return CmsCommand(actor, step, report);
        case ACTION_IOCTL:
            return Control(actor, step->command, (const void *)(uintptr_t)step->argument);
        case ACTION_MESSAGE:
            return Message(actor, step, order, report, blob);
        default:
            return -EINVAL;
    }
}

void Perform(struct Actor *actor, const struct Order *order, struct Report *report, uint8_t **blob)
{
    const struct Step *step = &actor->worker->group->scenario->steps[order->step];
    const struct Platform *platform = actor->worker->group->platform;
    switch (step->action) {
        case ACTION_OPEN:
            report->result = platform->open(actor);
            break;
        case ACTION_CLOSE:
            report->result = platform->close(actor);
            break;
        case ACTION_POOL:
            report->result = Pool(actor, step, report);
            break;
        case ACTION_FORK:
            report->result = platform->fork(actor, step->process, &report->child);
            break;
        default:
            report->isSkipped = !platform->canCall(actor);
            report->result = report->isSkipped ? 0 : Call(actor, step, order, report, blob);
            break;
    }
}
