#include "conformance/portable.h"

#include "conformance/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct Worker *WorkerCreate(struct WorkerGroup *group, uint32_t process)
{
    const struct ScenarioProcess *info = &group->scenario->processes[process];
    struct Worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        return NULL;
    }
    worker->actors = calloc(info->taskCount, sizeof(*worker->actors));
    if (worker->actors == NULL) {
        free(worker);
        return NULL;
    }
    worker->group = group;
    worker->process = process;
    worker->orders = group->pipes->orderRead[process];
    worker->reports = group->pipes->reportWrite[process];
    group->pipes->orderRead[process] = -1;
    group->pipes->reportWrite[process] = -1;
    for (int i = 0; i < DESCRIPTOR_COUNT; i++) {
        worker->descriptors[i] = -1;
    }
    (void)pthread_mutex_init(&worker->reportLock, NULL);
    worker->actorCount = info->taskCount;
    bool hasMemory = true;
    for (uint32_t i = 0; i < worker->actorCount; i++) {
        struct Actor *actor = &worker->actors[i];
        actor->worker = worker;
        actor->task = info->firstTask + i;
        (void)pthread_mutex_init(&actor->lock, NULL);
        (void)pthread_cond_init(&actor->changed, NULL);
        actor->environment = calloc(EnvironmentCount(group->scenario), sizeof(uint64_t));
        hasMemory = hasMemory && actor->environment != NULL;
    }
    if (!hasMemory) {
        WorkerFree(worker);
        return NULL;
    }
    return worker;
}

void WorkerFree(struct Worker *worker)
{
    for (uint32_t i = 0; i < worker->actorCount; i++) {
        (void)pthread_mutex_destroy(&worker->actors[i].lock);
        (void)pthread_cond_destroy(&worker->actors[i].changed);
        free(worker->actors[i].environment);
    }
    for (int i = 0; i < DESCRIPTOR_COUNT; i++) {
        if (worker->descriptors[i] >= 0 && i != DESCRIPTOR_BAD) {
            (void)close(worker->descriptors[i]);
        }
    }
    (void)pthread_mutex_destroy(&worker->reportLock);
    (void)close(worker->orders);
    (void)close(worker->reports); /* last: the director takes this for the end of the process */
    free(worker->actors);
    free(worker);
}

void WorkerReport(struct Worker *worker, const struct Report *report, const void *blob)
{
    (void)pthread_mutex_lock(&worker->reportLock);
    int status = WriteAll(worker->reports, report, sizeof(*report));
    if (status == 0 && report->blobSize > 0) {
        (void)WriteAll(worker->reports, blob, report->blobSize);
    }
    (void)pthread_mutex_unlock(&worker->reportLock);
}

/* ---- the thread of a task -------------------------------------------------------------------- */

static bool Begin(struct Actor *actor)
{
    struct Report report = {.kind = REPORT_READY, .task = actor->task, .child = (int64_t)getpid()};
    report.result =
        actor->worker->group->platform->taskBegin(actor, &report.taskID, &report.processID);
    if (report.result != 0) {
        report.kind = REPORT_BROKEN;
    }
    WorkerReport(actor->worker, &report, NULL);
    return report.result == 0;
}

/* Waits for an order. Returns false when the task has to end. */
static bool TakeOrder(struct Actor *actor, struct Order *order)
{
    (void)pthread_mutex_lock(&actor->lock);
    while (!actor->hasOrder && !actor->ends) {
        (void)pthread_cond_wait(&actor->changed, &actor->lock);
    }
    bool taken = actor->hasOrder;
    *order = actor->order;
    (void)pthread_mutex_unlock(&actor->lock);
    return taken;
}

static void FinishOrder(struct Actor *actor)
{
    (void)pthread_mutex_lock(&actor->lock);
    actor->hasOrder = false;
    (void)pthread_cond_broadcast(&actor->changed);
    (void)pthread_mutex_unlock(&actor->lock);
}

bool ActorIsIdle(struct Actor *actor)
{
    (void)pthread_mutex_lock(&actor->lock);
    bool isIdle = !actor->hasOrder;
    (void)pthread_mutex_unlock(&actor->lock);
    return isIdle;
}

void ActorRun(struct Actor *actor)
{
    struct Order order;
    const struct Step *steps = actor->worker->group->scenario->steps;
    (void)pthread_mutex_lock(&actor->lock);
    actor->systemID = SystemThreadID();
    (void)pthread_mutex_unlock(&actor->lock);
    if (!Begin(actor)) {
        return;
    }
    while (TakeOrder(actor, &order)) {
        struct Report report = {.kind = REPORT_DONE, .task = actor->task, .step = order.step};
        uint8_t *blob = NULL;
        if (steps[order.step].action == ACTION_EXIT_TASK) {
            break; /* the control thread reports the end once this thread has ended */
        }
        Perform(actor, &order, &report, &blob);
        /* Idle before the report, because the next order may follow immediately. */
        FinishOrder(actor);
        WorkerReport(actor->worker, &report, blob);
        free(blob);
    }
    actor->worker->group->platform->taskEnd(actor);
    FinishOrder(actor);
}

static void *Thread(void *argument)
{
    ActorRun(argument);
    return NULL;
}

/* ---- the control thread ---------------------------------------------------------------------- */

static void StartThread(struct Actor *actor)
{
    int status = pthread_create(&actor->thread, NULL, Thread, actor);
    actor->isStarted = status == 0;
    if (status != 0) {
        struct Report report = {.kind = REPORT_BROKEN, .task = actor->task, .result = -status};
        WorkerReport(actor->worker, &report, NULL);
    }
}

static void JoinThread(struct Actor *actor)
{
    if (actor->isStarted) {
        actor->isStarted = false;
        (void)pthread_join(actor->thread, NULL);
    }
}

static void GiveOrder(struct Actor *actor, const struct Order *order, const uint64_t *environment)
{
    size_t count = EnvironmentCount(actor->worker->group->scenario);
    (void)pthread_mutex_lock(&actor->lock);
    actor->order = *order;
    memcpy(actor->environment, environment, count * sizeof(uint64_t));
    actor->hasOrder = true;
    (void)pthread_cond_broadcast(&actor->changed);
    (void)pthread_mutex_unlock(&actor->lock);
}

/* Executes an order about a step. Returns false when the process has to end. */
static bool Obey(struct Worker *worker, const struct Order *order, const uint64_t *environment)
{
    const struct Scenario *scenario = worker->group->scenario;
    const struct Step *step = &scenario->steps[order->step];
    uint32_t index = step->task - scenario->processes[worker->process].firstTask;
    struct Actor *actor = &worker->actors[index];
    if (step->action == ACTION_EXIT_PROCESS) {
        return false;
    }
    GiveOrder(actor, order, environment);
    struct Report report = {.task = step->task, .step = order->step};
    if (step->action == ACTION_EXIT_TASK) {
        JoinThread(actor);
        report.kind = REPORT_DONE;
        WorkerReport(worker, &report, NULL);
    } else if (step->start != TABLE_NONE && WatchActor(actor)) {
        report.kind = REPORT_ASLEEP;
        WorkerReport(worker, &report, NULL);
    }
    return true;
}

static void ObeyAll(struct Worker *worker, uint64_t *environment)
{
    size_t size = EnvironmentCount(worker->group->scenario) * sizeof(*environment);
    struct Order order;
    for (;;) {
        if (ReadAll(worker->orders, &order, sizeof(order)) != 0) {
            return; /* the director ended the scenario, or ended itself */
        }
        if (order.kind == ORDER_REAP) {
            struct Report report = {.kind = REPORT_REAPED, .child = order.child};
            worker->group->platform->reap(order.child);
            WorkerReport(worker, &report, NULL);
            continue;
        }
        if (ReadAll(worker->orders, environment, size) != 0 || !Obey(worker, &order, environment)) {
            return;
        }
    }
}

void WorkerRun(struct Worker *worker, struct Actor *except)
{
    const struct Platform *platform = worker->group->platform;
    uint64_t *environment =
        calloc(EnvironmentCount(worker->group->scenario) + 1, sizeof(*environment));
    if (environment != NULL) {
        for (uint32_t i = 0; i < worker->actorCount; i++) {
            if (&worker->actors[i] != except) {
                StartThread(&worker->actors[i]);
            }
        }
        ObeyAll(worker, environment);
    }
    platform->processEnd(worker);
    for (uint32_t i = 0; i < worker->actorCount; i++) {
        struct Actor *actor = &worker->actors[i];
        (void)pthread_mutex_lock(&actor->lock);
        actor->ends = true;
        (void)pthread_cond_broadcast(&actor->changed);
        (void)pthread_mutex_unlock(&actor->lock);
        JoinThread(actor);
    }
    free(environment);
    platform->processFree(worker);
    WorkerFree(worker);
}
