#include "conformance/portable.h"

#include "conformance/director.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ERFKILL
#define ERFKILL 132
#endif

/* Time limit for a worker that has to end, ms. */
#define END_TIMEOUT_MS 5000U

static void Fail(struct Director *director, const char *format, ...)
{
    if (director->result->verdict == VERDICT_ERROR) {
        return; /* only the first fault counts */
    }
    va_list arguments;
    va_start(arguments, format);
    director->result->verdict = VERDICT_ERROR;
    director->isBroken = true;
    (void)vsnprintf(director->result->message, sizeof(director->result->message), format,
                    arguments);
    va_end(arguments);
}

static void CloseEnd(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

/* ---- what workers say ------------------------------------------------------------------------ */

static void TakeReady(struct Director *director, uint32_t process, const struct Report *report)
{
    const struct Scenario *scenario = director->group.scenario;
    *EnvironmentTask(scenario, director->environment, report->task) = report->taskID;
    *EnvironmentProcess(scenario, director->environment, process) = report->processID;
    director->tasks[report->task].isReady = true;
}

static void TakeDone(struct Director *director, const struct Report *report, const uint8_t *blob)
{
    const struct Scenario *scenario = director->group.scenario;
    struct Outcome *outcome = &director->outcomes[report->step];
    const struct Step *step = outcome->step;
    outcome->report = *report;
    outcome->isDone = true;
    director->tasks[report->task].busyWith = NULL;
    if (step->action == ACTION_EXIT_TASK) {
        director->tasks[report->task].hasEnded = true;
    }
    if (report->hasMessage) {
        if (SnapshotParse(blob, report->blobSize, &outcome->message) != 0) {
            outcome->report.hasMessage = false;
            Fail(director, "out of memory for a received message");
        } else if (step->save != TABLE_NONE) {
            director->saved[step->save] = outcome;
            *EnvironmentTimestamp(scenario, director->environment, step->save) =
                outcome->message.head.timestamp;
        }
    }
    if (step->action == ACTION_CMS_COMMAND && report->result >= 0 && step->save != TABLE_NONE) {
        *EnvironmentHandle(scenario, director->environment, step->save) = report->value;
    }
}

static bool IsSensible(const struct Director *director, uint32_t process,
                       const struct Report *report)
{
    const struct Scenario *scenario = director->group.scenario;
    if (report->kind == REPORT_REAPED) {
        return true;
    }
    return report->task < scenario->taskCount && scenario->tasks[report->task].process == process &&
           report->step < (scenario->stepCount == 0 ? 1 : scenario->stepCount) &&
           (report->kind == REPORT_READY || report->kind == REPORT_BROKEN ||
            director->outcomes[report->step].step != NULL);
}

static void Take(struct Director *director, uint32_t process, const struct Report *report,
                 const uint8_t *blob)
{
    const struct Scenario *scenario = director->group.scenario;
    char text[32];
    if (!IsSensible(director, process, report)) {
        Fail(director, "process %.64s reports nonsense", scenario->processes[process].name);
        return;
    }
    switch (report->kind) {
        case REPORT_READY:
            TakeReady(director, process, report);
            break;
        case REPORT_BROKEN:
            Fail(director, "task %.64s could not be made: %s", scenario->tasks[report->task].name,
                 ErrorName(-report->result, text));
            break;
        case REPORT_DONE:
            TakeDone(director, report, blob);
            break;
        case REPORT_ASLEEP:
            director->outcomes[report->step].isAsleep = true;
            break;
        default:
            director->wasReaped = true;
            break;
    }
}

/* The process has ended, and its tasks with it. */
static void TakeEnd(struct Director *director, uint32_t process)
{
    const struct ScenarioProcess *info = &director->group.scenario->processes[process];
    struct Channel *channel = &director->channels[process];
    CloseEnd(&director->pipes.reportRead[process]);
    channel->state = CHANNEL_ENDED;
    for (uint32_t i = 0; i < info->taskCount; i++) {
        struct TaskState *task = &director->tasks[info->firstTask + i];
        if (task->busyWith != NULL) {
            task->busyWith->report.result = -ERFKILL;
            task->busyWith->isDone = true;
            task->busyWith = NULL;
        }
        task->hasEnded = true;
    }
    if (!channel->endIsWanted) {
        char how[END_TEXT_SIZE] = "";
        channel->wasCollected = true;
        director->group.platform->processCollect(&director->group, process, channel->pid, false,
                                                 how);
        director->isBroken = true;
        if (director->result->difference.came[0] == '\0') {
            DifferenceSet(&director->result->difference, "a process that goes on",
                          "process %.48s ended by itself %s", info->name, how);
        }
    }
}

static void Listen(struct Director *director, uint32_t process)
{
    struct Report report;
    uint8_t *blob = NULL;
    int descriptor = director->pipes.reportRead[process];
    if (ReadAll(descriptor, &report, sizeof(report)) != 0) {
        TakeEnd(director, process);
        return;
    }
    if (report.blobSize > 0) {
        blob = malloc(report.blobSize);
        if (blob == NULL) {
            Fail(director, "out of memory for a received message");
            return;
        }
        if (ReadAll(descriptor, blob, report.blobSize) != 0) {
            free(blob);
            TakeEnd(director, process);
            return;
        }
    }
    Take(director, process, &report, blob);
    free(blob);
}

/* Polls all workers once. Returns false when the time is over. */
static bool ListenUntil(struct Director *director, uint64_t end)
{
    struct pollfd polled[TABLE_PROCESSES_MAX];
    uint32_t who[TABLE_PROCESSES_MAX];
    nfds_t count = 0;
    for (uint32_t i = 0; i < director->group.scenario->processCount; i++) {
        if (director->channels[i].state == CHANNEL_RUNNING) {
            polled[count] = (struct pollfd){.fd = director->pipes.reportRead[i], .events = POLLIN};
            who[count++] = i;
        }
    }
    uint64_t now = NowMs();
    if (now >= end || poll(polled, count, (int)(end - now)) == 0) {
        return false;
    }
    for (nfds_t i = 0; i < count; i++) {
        if (polled[i].revents != 0) {
            Listen(director, who[i]);
        }
    }
    return true;
}

/* ---- waiting --------------------------------------------------------------------------------- */

bool DirectorAwait(struct Director *director, const struct Outcome *outcome, bool orAsleep)
{
    uint64_t end = NowMs() + STEP_TIMEOUT_MS;
    while (!outcome->isDone && !(orAsleep && outcome->isAsleep)) {
        if (director->isBroken || !ListenUntil(director, end)) {
            return false;
        }
    }
    return !director->isBroken;
}

bool DirectorAwaitReady(struct Director *director, uint32_t process)
{
    const struct ScenarioProcess *info = &director->group.scenario->processes[process];
    uint64_t end = NowMs() + STEP_TIMEOUT_MS;
    for (uint32_t i = 0; i < info->taskCount; i++) {
        while (!director->tasks[info->firstTask + i].isReady) {
            if (director->isBroken || !ListenUntil(director, end)) {
                return false;
            }
        }
    }
    return !director->isBroken;
}

/* Reaps a child of a worker. The worker does it, if it still runs. */
static bool Reap(struct Director *director, uint32_t process)
{
    const struct Channel *channel = &director->channels[process];
    uint32_t forker = director->group.scenario->processes[process].forker;
    if (forker == TABLE_NONE || channel->pid == 0 ||
        director->channels[forker].state != CHANNEL_RUNNING) {
        return true;
    }
    struct Order order = {.kind = ORDER_REAP, .child = channel->pid};
    uint64_t end = NowMs() + STEP_TIMEOUT_MS;
    director->wasReaped = false;
    (void)WriteAll(director->pipes.orderWrite[forker], &order, sizeof(order));
    while (!director->wasReaped && !director->isBroken && ListenUntil(director, end)) {
    }
    return director->wasReaped;
}

bool DirectorAwaitEnd(struct Director *director, uint32_t process)
{
    struct Channel *channel = &director->channels[process];
    uint64_t end = NowMs() + STEP_TIMEOUT_MS;
    char how[END_TEXT_SIZE] = "";
    while (channel->state == CHANNEL_RUNNING) {
        if (director->isBroken || !ListenUntil(director, end)) {
            return false;
        }
    }
    if (!channel->wasCollected) {
        channel->wasCollected = true;
        director->group.platform->processCollect(&director->group, process, channel->pid, false,
                                                 how);
    }
    if (how[0] != '\0') {
        DifferenceSet(&director->result->difference, "an orderly end", "process %.48s ended %s",
                      director->group.scenario->processes[process].name, how);
        return false;
    }
    return !director->isBroken && Reap(director, process);
}

void DirectorOrder(struct Director *director, const struct Step *step, const struct Order *order,
                   struct Outcome *outcome)
{
    const struct Scenario *scenario = director->group.scenario;
    uint32_t process = scenario->tasks[step->task].process;
    int descriptor = director->pipes.orderWrite[process];
    outcome->step = step;
    if (step->action !=
        ACTION_EXIT_PROCESS) { /* its end is reported by the process, and ends all steps */
        director->tasks[step->task].busyWith = outcome;
    }
    director->channels[process].endIsWanted = step->action == ACTION_EXIT_PROCESS;
    /* A worker that cannot be written to has ended. The end of its pipe reports that. */
    if (WriteAll(descriptor, order, sizeof(*order)) == 0) {
        (void)WriteAll(descriptor, director->environment,
                       EnvironmentCount(scenario) * sizeof(uint64_t));
    }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static bool MakePipes(struct Director *director)
{
    struct Pipes *pipes = &director->pipes;
    for (uint32_t i = 0; i < TABLE_PROCESSES_MAX; i++) {
        pipes->orderRead[i] = pipes->orderWrite[i] = -1;
        pipes->reportRead[i] = pipes->reportWrite[i] = -1;
    }
    for (uint32_t i = 0; i < director->group.scenario->processCount; i++) {
        int orders[2], reports[2];
        if (pipe(orders) != 0) {
            return false;
        }
        pipes->orderRead[i] = orders[0];
        pipes->orderWrite[i] = orders[1];
        if (pipe(reports) != 0) {
            return false;
        }
        pipes->reportRead[i] = reports[0];
        pipes->reportWrite[i] = reports[1];
    }
    return true;
}

bool DirectorBegin(struct Director *director, const struct Scenario *scenario,
                   const struct Platform *platform, void *own, struct RunResult *result)
{
    director->result = result;
    director->group = (struct WorkerGroup){
        .scenario = scenario, .platform = platform, .pipes = &director->pipes, .own = own};
    director->tasks = calloc((size_t)scenario->taskCount + 1, sizeof(*director->tasks));
    director->outcomes = calloc((size_t)scenario->stepCount + 1, sizeof(*director->outcomes));
    director->labels = calloc((size_t)scenario->labelCount + 1, sizeof(*director->labels));
    director->saved = calloc((size_t)scenario->messageCount + 1, sizeof(*director->saved));
    director->environment = calloc(EnvironmentCount(scenario) + 1, sizeof(uint64_t));
    bool hasPipes = MakePipes(director);
    if (director->tasks == NULL || director->outcomes == NULL || director->labels == NULL ||
        director->saved == NULL || director->environment == NULL || !hasPipes) {
        Fail(director, "not enough memory or descriptors");
        return false;
    }
    for (uint32_t i = 0; i < scenario->processCount; i++) {
        struct Channel *channel = &director->channels[i];
        if (scenario->processes[i].forker != TABLE_NONE) {
            continue;
        }
        int status = platform->processStart(&director->group, i, &channel->pid);
        char text[32];
        if (status != 0) {
            Fail(director, "process %.64s could not be started: %s", scenario->processes[i].name,
                 ErrorName(-status, text));
            return false;
        }
        channel->state = CHANNEL_RUNNING;
    }
    platform->allStarted(&director->group);
    for (uint32_t i = 0; i < scenario->processCount; i++) {
        if (director->channels[i].state == CHANNEL_RUNNING && !DirectorAwaitReady(director, i)) {
            Fail(director, "process %.64s did not get ready%s%s", scenario->processes[i].name,
                 result->difference.came[0] == '\0' ? "" : ": ", result->difference.came);
            return false;
        }
    }
    return true;
}

void DirectorEnd(struct Director *director)
{
    const struct Scenario *scenario = director->group.scenario;
    const struct Platform *platform = director->group.platform;
    for (uint32_t i = 0; i < scenario->processCount; i++) {
        director->channels[i].endIsWanted = true;
        CloseEnd(&director->pipes.orderWrite[i]);
    }
    uint64_t end = NowMs() + END_TIMEOUT_MS;
    for (uint32_t i = 0; i < scenario->processCount; i++) {
        while (director->channels[i].state == CHANNEL_RUNNING && ListenUntil(director, end)) {
        }
    }
    for (uint32_t i = 0; i < scenario->processCount; i++) {
        struct Channel *channel = &director->channels[i];
        if (channel->state == CHANNEL_UNUSED || channel->wasCollected) {
            continue;
        }
        char how[END_TEXT_SIZE] = "";
        bool byForce = channel->state == CHANNEL_RUNNING;
        platform->processCollect(&director->group, i, channel->pid, byForce, how);
        /* Threads of this OS process cannot be ended by force. */
        director->result->isStuck = director->result->isStuck || (byForce && channel->pid == 0);
    }
    if (director->result->isStuck) {
        return; /* remaining threads may still use this memory; the program ends now */
    }
    for (uint32_t i = 0; i < scenario->processCount; i++) {
        CloseEnd(&director->pipes.orderRead[i]);
        CloseEnd(&director->pipes.reportWrite[i]);
        CloseEnd(&director->pipes.reportRead[i]);
    }
    for (uint32_t i = 0; director->outcomes != NULL && i < scenario->stepCount; i++) {
        SnapshotFree(&director->outcomes[i].message);
    }
    free(director->tasks);
    free(director->outcomes);
    free(director->labels);
    free(director->saved);
    free(director->environment);
}
