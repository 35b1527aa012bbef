#include "conformance/portable.h"

#include "conformance/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/director.h"

static bool CheckPool(const struct Step *step, const struct Report *report,
                      struct Difference *difference)
{
    char text[48];
    bool isEmpty = step->size == TABLE_NONE;
    if (isEmpty ? report->nodes == 0 : report->bytes == step->size) {
        return true;
    }
    (void)snprintf(text, sizeof(text), "%lu bytes in the pool", (unsigned long)step->size);
    DifferenceSet(difference, isEmpty ? "an empty pool" : text, "%lu messages of %lu bytes",
                  (unsigned long)report->nodes, (unsigned long)report->bytes);
    return false;
}

/* Checks the result of a step. Returns false with the difference in the result if it differs. */
static bool Check(struct Director *director, const struct Step *step, const struct Step *expected,
                  struct Outcome *outcome)
{
    const struct Scenario *scenario = director->group.scenario;
    const struct Report *report = &outcome->report;
    struct Difference *difference = &director->result->difference;
    uint32_t allowed = 0;
    if (report->isSkipped) {
        director->result->notChecked++;
        return true;
    }
    if (step->action == ACTION_SET_IPC_THREAD) {
        allowed = (uint32_t)*EnvironmentTask(scenario, director->environment, step->task);
    }
    if (!CompareResult(expected->want, report->result, allowed, difference)) {
        return false;
    }
    if (report->result < 0) {
        return true;
    }
    if (step->action == ACTION_VERSION && step->isChecked &&
        report->value != (step->major | step->minor << 16)) {
        char text[48];
        (void)snprintf(text, sizeof(text), "version %lu.%lu", (unsigned long)step->major,
                       (unsigned long)step->minor);
        DifferenceSet(difference, text, "version %lu.%lu", (unsigned long)(report->value & 0xFFFF),
                      (unsigned long)(report->value >> 16));
        return false;
    }
    if (step->action == ACTION_POOL) {
        return CheckPool(step, report, difference);
    }
    if (expected->wanted == NULL) {
        return true;
    }
    if (!report->hasMessage) {
        DifferenceSet(difference, "a message", "none");
        return false;
    }
    return CompareMessage(scenario, director->environment, expected->wanted, &outcome->message,
                          difference);
}

/* Returns whether the task of this step can perform it. Waits for an earlier step of the task. */
static bool IsFree(struct Director *director, const struct Step *step)
{
    const struct Scenario *scenario = director->group.scenario;
    const struct TaskState *task = &director->tasks[step->task];
    const struct Channel *channel = &director->channels[scenario->tasks[step->task].process];
    const char *why = NULL;
    /* A step that was started may be over, or about to end. A process may end during a step. */
    bool isIdle = step->action == ACTION_EXIT_PROCESS || task->busyWith == NULL ||
                  DirectorAwait(director, task->busyWith, false);
    if (task->hasEnded || channel->state == CHANNEL_ENDED) {
        why = "has ended";
    } else if (channel->state != CHANNEL_RUNNING || !task->isReady) {
        why = "was not started yet";
    } else if (!isIdle) {
        why = "is still busy with an earlier step";
    }
    if (why != NULL) {
        char text[DIFFERENCE_SIZE];
        (void)snprintf(text, sizeof(text), "task %.64s to do it", scenario->tasks[step->task].name);
        if (director->result->difference.came[0] == '\0') {
            DifferenceSet(&director->result->difference, text, "it %s", why);
        }
    }
    return why == NULL;
}

/* Resolves the address that BUFF_FREE gets. */
static bool ResolveFree(struct Director *director, const struct Step *step, uint64_t *address)
{
    const struct FreeTarget *target = &step->toFree;
    *address = target->kind == FREE_ADDRESS ? target->number : 0;
    if (target->kind != FREE_MESSAGE && target->kind != FREE_OBJECT) {
        return true;
    }
    const struct Outcome *outcome = director->saved[target->message];
    const char *name = director->group.scenario->messages[target->message];
    char text[DIFFERENCE_SIZE];
    if (outcome == NULL) {
        (void)snprintf(text, sizeof(text), "message %.64s to free", name);
        DifferenceSet(&director->result->difference, text, "it was not received");
        return false;
    }
    if (target->kind == FREE_MESSAGE) {
        *address = outcome->report.address + target->number;
        return true;
    }
    if (target->number >= outcome->message.head.spObjNum ||
        outcome->message.objects[target->number].type != OBJ_PTR) {
        (void)snprintf(text, sizeof(text), "a buffer at object %lu of message %.64s",
                       (unsigned long)target->number, name);
        DifferenceSet(&director->result->difference, text, "there is none");
        return false;
    }
    *address = outcome->message.objects[target->number].address;
    return true;
}

static bool Hangs(struct Director *director, const char *wanted)
{
    if (director->result->difference.came[0] == '\0') {
        DifferenceSet(&director->result->difference, wanted, "nothing within %u s",
                      STEP_TIMEOUT_MS / 1000);
    }
    return false;
}

static bool RunJoin(struct Director *director, const struct Step *step)
{
    struct Outcome *outcome = director->labels[step->label];
    if (outcome == NULL) {
        DifferenceSet(&director->result->difference, "a step of this label", "none was started");
        return false;
    }
    if (!DirectorAwait(director, outcome, false)) {
        return Hangs(director, WantName(step->want));
    }
    return Check(director, outcome->step, step, outcome);
}

static bool RunFork(struct Director *director, const struct Step *step, struct Outcome *outcome)
{
    if (outcome->report.result != 0) {
        return true; /* Check reports it */
    }
    struct Channel *channel = &director->channels[step->process];
    channel->state = CHANNEL_RUNNING;
    channel->pid = outcome->report.child;
    return DirectorAwaitReady(director, step->process) || Hangs(director, "a child process");
}

static bool RunExitProcess(struct Director *director, const struct Step *step)
{
    uint32_t process = director->group.scenario->tasks[step->task].process;
    return DirectorAwaitEnd(director, process) || Hangs(director, "the end of the process");
}

static bool RunStep(struct Director *director, const struct Step *step)
{
    struct Outcome *outcome = &director->outcomes[step - director->group.scenario->steps];
    if (step->action == ACTION_SLEEP) {
        SleepUs((unsigned long)step->size * 1000);
        return true;
    }
    if (step->action == ACTION_JOIN) {
        return RunJoin(director, step);
    }
    struct Order order = {.kind = ORDER_STEP,
                          .step = (uint32_t)(step - director->group.scenario->steps)};
    if (!IsFree(director, step) || !ResolveFree(director, step, &order.toFree)) {
        return false;
    }
    DirectorOrder(director, step, &order, outcome);
    if (step->action == ACTION_EXIT_PROCESS) {
        return RunExitProcess(director, step);
    }
    if (!DirectorAwait(director, outcome, step->start != TABLE_NONE)) {
        return Hangs(director, WantName(step->want));
    }
    if (step->start != TABLE_NONE) {
        director->labels[step->start] = outcome;
        return true;
    }
    if (step->action == ACTION_FORK && !RunFork(director, step, outcome)) {
        return false;
    }
    return Check(director, step, step, outcome);
}

void Run(const struct Scenario *scenario, const struct Platform *platform, void *own,
         struct RunResult *result)
{
    memset(result, 0, sizeof(*result));
    if (scenario->flags & TABLE_SKIP ||
        (scenario->flags & TABLE_LP64_ONLY && sizeof(void *) != 8)) {
        result->verdict = VERDICT_SKIPPED;
        (void)snprintf(result->message, sizeof(result->message), "%.*s", TABLE_ERROR_SIZE - 1,
                       scenario->reason);
        return;
    }
    struct Director *director = calloc(1, sizeof(*director));
    if (director == NULL) {
        result->verdict = VERDICT_ERROR;
        (void)snprintf(result->message, sizeof(result->message), "out of memory");
        return;
    }
    bool goesOn = DirectorBegin(director, scenario, platform, own, result);
    for (uint32_t i = 0; goesOn && i < scenario->stepCount; i++) {
        goesOn = RunStep(director, &scenario->steps[i]);
        if (!goesOn && result->verdict == VERDICT_PASSED) {
            result->verdict = VERDICT_FAILED;
            result->step = scenario->steps[i].number;
        }
    }
    DirectorEnd(director);
    if (!result->isStuck) {
        free(director); /* otherwise remaining threads may still read it */
    }
}
