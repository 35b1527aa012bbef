/* Reads the steps of a table. */
#include "conformance/portable.h"

#include "conformance/table.h"
#include "conformance/table_reader.h"

/* Any bits are valid: a scenario may use flags that do not exist. */
#define FLAG_LIMIT TABLE_NONE

static void ReadFreeTarget(struct TableReader *reader, struct FreeTarget *target)
{
    target->kind = (enum FreeKind)ReadBelow(reader, FREE_KIND_COUNT, "free target");
    if (target->kind == FREE_MESSAGE || target->kind == FREE_OBJECT) {
        target->message = ReadBelow(reader, reader->scenario->messageCount, "message");
    }
    if (target->kind == FREE_OBJECT) {
        target->number = ReadWord(reader);
    } else if (target->kind != FREE_NOTHING) {
        target->number = ReadLong(reader);
    }
}

static void ReadMessageStep(struct TableReader *reader, struct Step *step)
{
    step->flag = ReadBelow(reader, FLAG_LIMIT, "message flag");
    step->out = ReadOut(reader);
    ReadFreeTarget(reader, &step->toFree);
    step->save = ReadBelowOrNone(reader, reader->scenario->messageCount, "message");
}

static void ReadCmsCommand(struct TableReader *reader, struct Step *step)
{
    step->command = ReadWord(reader);
    step->of = ReadValue(reader);
    step->handle = ReadValue(reader);
    step->save = ReadBelowOrNone(reader, reader->scenario->handleCount, "handle");
}

static void ReadFork(struct TableReader *reader, struct Step *step)
{
    struct Scenario *scenario = reader->scenario;
    step->process = ReadBelow(reader, scenario->processCount, "process");
    if (reader->status != 0 || step->task == TABLE_NONE) {
        return;
    }
    uint32_t forker = scenario->tasks[step->task].process;
    struct ScenarioProcess *child = &scenario->processes[step->process];
    if (child->forker != TABLE_NONE || child->taskCount != 1) {
        ReaderFail(reader, "process %s cannot be forked: %s", child->name,
                   child->taskCount != 1 ? "it has several tasks" : "it was forked already");
    }
    /*
     * Walks up the line of ancestors. It is finite, because every fork was checked like this one.
     */
    for (uint32_t ancestor = forker; ancestor != TABLE_NONE;
         ancestor = scenario->processes[ancestor].forker) {
        if (ancestor == step->process) {
            ReaderFail(reader, "process %s is forked by its own descendant", child->name);
            return;
        }
    }
    child->forker = forker;
}

static void ReadArguments(struct TableReader *reader, struct Step *step)
{
    switch (step->action) {
        case ACTION_MMAP:
            step->size = ReadWord(reader);
            step->isWritable = ReadBelow(reader, 2, "option") == 1;
            step->isShared = ReadBelow(reader, 2, "option") == 1;
            break;
        case ACTION_VERSION:
            step->isChecked = ReadBelow(reader, 2, "option") == 1;
            step->major = ReadWord(reader);
            step->minor = ReadWord(reader);
            break;
        case ACTION_CMS_COMMAND:
            ReadCmsCommand(reader, step);
            break;
        case ACTION_IOCTL:
            step->command = ReadWord(reader);
            step->argument = ReadLong(reader);
            break;
        case ACTION_MESSAGE:
            ReadMessageStep(reader, step);
            break;
        case ACTION_FORK:
            ReadFork(reader, step);
            break;
        case ACTION_SET_CMS:
        case ACTION_SLEEP:
        case ACTION_POOL:
            step->size = ReadWord(reader);
            break;
        case ACTION_JOIN:
            step->label = ReadBelow(reader, reader->scenario->labelCount, "label");
            break;
        default: /* the other actions have no arguments */
            break;
    }
}

/* Returns whether the device performs the action and could block in it. */
static bool IsCall(enum Action action)
{
    switch (action) {
        case ACTION_OPEN:
        case ACTION_CLOSE:
        case ACTION_SET_IPC_THREAD:
        case ACTION_MMAP:
        case ACTION_SET_CMS:
        case ACTION_VERSION:
        case ACTION_CMS_COMMAND:
        case ACTION_IOCTL:
        case ACTION_MESSAGE:
            return true;
        default:
            return false;
    }
}

void ReadStep(struct TableReader *reader, struct Step *step)
{
    const struct Scenario *scenario = reader->scenario;
    step->number = ReadWord(reader);
    step->task = ReadBelowOrNone(reader, scenario->taskCount, "task");
    step->action = (enum Action)ReadBelow(reader, ACTION_COUNT, "action");
    step->want = ReadBelow(reader, WantCount(), "want");
    step->start = ReadBelowOrNone(reader, scenario->labelCount, "label");
    if (reader->status == 0 && (step->task == TABLE_NONE) != (step->action == ACTION_JOIN)) {
        ReaderFail(reader, "step %lu: a task is needed, but for a join",
                   (unsigned long)step->number);
    }
    if (reader->status == 0 && step->start != TABLE_NONE && !IsCall(step->action)) {
        ReaderFail(reader, "step %lu: only a call of the device may be started",
                   (unsigned long)step->number);
    }
    step->save = TABLE_NONE;
    ReadArguments(reader, step);
    step->wanted = ReadWanted(reader);
    if (reader->status == 0 && step->wanted != NULL && step->action != ACTION_MESSAGE &&
        step->action != ACTION_JOIN) {
        ReaderFail(reader, "step %lu receives no message", (unsigned long)step->number);
    }
}
