/* Decodes a table in one pass. Every word is checked; all memory is in one chain of blocks. */
#include "conformance/portable.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/table.h"
#include "conformance/table_reader.h"

struct Block {
    struct Block *next;
    uint64_t memory[]; /* aligned for everything that a scenario holds */
};

void ReaderFail(struct TableReader *reader, const char *format, ...)
{
    if (reader->status != 0) {
        return; /* only the first error is reported */
    }
    reader->status = -EINVAL;
    int length = snprintf(reader->error, TABLE_ERROR_SIZE, "word %zu: ", reader->position);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reader->error + length, TABLE_ERROR_SIZE - (size_t)length, format, arguments);
    va_end(arguments);
}

uint32_t ReadWord(struct TableReader *reader)
{
    if (reader->status != 0 || reader->position == reader->count) {
        ReaderFail(reader, "the table ends too early");
        return 0;
    }
    return reader->words[reader->position++];
}

uint32_t ReadBelow(struct TableReader *reader, uint32_t limit, const char *what)
{
    uint32_t word = ReadWord(reader);
    if (reader->status == 0 && word >= limit) {
        reader->position--;
        ReaderFail(reader, "%s %lu of %lu", what, (unsigned long)word, (unsigned long)limit);
    }
    return reader->status == 0 ? word : 0;
}

uint32_t ReadBelowOrNone(struct TableReader *reader, uint32_t limit, const char *what)
{
    if (reader->status == 0 && reader->position < reader->count &&
        reader->words[reader->position] == TABLE_NONE) {
        reader->position++;
        return TABLE_NONE;
    }
    return ReadBelow(reader, limit, what);
}

uint64_t ReadLong(struct TableReader *reader)
{
    uint64_t low = ReadWord(reader);
    return low | (uint64_t)ReadWord(reader) << 32;
}

void *ReaderAllocate(struct TableReader *reader, size_t count, size_t size)
{
    struct Block *block = NULL;
    if (reader->status == 0 && (size == 0 || count <= (SIZE_MAX - sizeof(*block) - 1) / size)) {
        /* One byte more, so that an empty list has an address. */
        block = calloc(1, sizeof(*block) + count * size + 1);
    }
    if (block == NULL) {
        if (reader->status == 0) {
            reader->status = -ENOMEM;
            (void)snprintf(reader->error, TABLE_ERROR_SIZE, "out of memory");
        }
        return NULL;
    }
    block->next = reader->blocks;
    reader->blocks = block;
    return block->memory;
}

uint32_t ReadCount(struct TableReader *reader, uint32_t limit, const char *what)
{
    uint32_t count = ReadBelow(reader, limit + 1, what);
    /*
     * Every element has at least one word, so a table cannot cause larger allocations than its
     * size.
     */
    if (reader->status == 0 && count > reader->count - reader->position) {
        ReaderFail(reader, "%lu times %s in %zu words", (unsigned long)count, what,
                   reader->count - reader->position);
    }
    return reader->status == 0 ? count : 0;
}

const char *ReadBytes(struct TableReader *reader, uint32_t *length)
{
    uint32_t size = ReadBelow(reader, TABLE_DATA_MAX + 1, "length");
    size_t words = ((size_t)size + 3) / 4;
    *length = 0;
    if (reader->status == 0 && words > reader->count - reader->position) {
        ReaderFail(reader, "a string of %lu bytes goes beyond the end", (unsigned long)size);
    }
    char *bytes = ReaderAllocate(reader, (size_t)size + 1, 1);
    if (bytes == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = (char)(uint8_t)(reader->words[reader->position + i / 4] >> (i % 4 * 8));
    }
    reader->position += words;
    *length = size;
    return bytes;
}

const char *ReadName(struct TableReader *reader)
{
    uint32_t length;
    const char *name = ReadBytes(reader, &length);
    return name == NULL ? "" : name;
}

static const char **ReadNames(struct TableReader *reader, uint32_t *count, const char *what)
{
    *count = ReadCount(reader, UINT32_MAX - 1, what);
    const char **names = ReaderAllocate(reader, *count, sizeof(*names));
    for (uint32_t i = 0; names != NULL && i < *count; i++) {
        names[i] = ReadName(reader);
    }
    return names;
}

static void ReadProcesses(struct TableReader *reader)
{
    struct Scenario *scenario = reader->scenario;
    uint32_t count = ReadCount(reader, TABLE_PROCESSES_MAX, "processes");
    scenario->processes = ReaderAllocate(reader, count, sizeof(*scenario->processes));
    scenario->tasks = ReaderAllocate(reader, TABLE_TASKS_MAX, sizeof(*scenario->tasks));
    for (uint32_t i = 0; reader->status == 0 && i < count; i++) {
        struct ScenarioProcess *process = &scenario->processes[i];
        process->name = ReadName(reader);
        process->forker = TABLE_NONE;
        process->firstTask = scenario->taskCount;
        uint32_t tasks = ReadCount(reader, TABLE_TASKS_MAX - scenario->taskCount, "tasks");
        if (reader->status == 0 && tasks == 0) {
            ReaderFail(reader, "process %s has no task", process->name);
        }
        for (uint32_t task = 0; task < tasks; task++) {
            scenario->tasks[scenario->taskCount].process = i;
            scenario->tasks[scenario->taskCount].name = ReadName(reader);
            scenario->taskCount++;
        }
        process->taskCount = tasks;
    }
    scenario->processCount = count;
}

static void ReadHead(struct TableReader *reader)
{
    struct Scenario *scenario = reader->scenario;
    uint32_t magic = ReadWord(reader);
    if (reader->status == 0 && magic != TABLE_MAGIC) {
        ReaderFail(reader, "this is not a scenario table");
    }
    uint32_t version = ReadWord(reader);
    if (reader->status == 0 && version != TABLE_VERSION) {
        ReaderFail(reader, "a table of version %lu; this program reads version %lu",
                   (unsigned long)version, (unsigned long)TABLE_VERSION);
    }
    uint32_t total = ReadWord(reader);
    if (reader->status == 0 && total != reader->count) {
        ReaderFail(reader, "a table of %lu words has %zu", (unsigned long)total, reader->count);
    }
    scenario->flags = ReadBelow(reader, (TABLE_LP64_ONLY | TABLE_SKIP) + 1, "flags");
    scenario->name = ReadName(reader);
    scenario->reason = ReadName(reader);
    ReadProcesses(reader);
    scenario->handles = ReadNames(reader, &scenario->handleCount, "handles");
    scenario->messages = ReadNames(reader, &scenario->messageCount, "messages");
    scenario->labelCount = ReadBelow(reader, TABLE_NONE, "labels");
    if (scenario->labelCount > reader->count) {
        ReaderFail(reader, "%lu labels in %zu words", (unsigned long)scenario->labelCount,
                   reader->count);
    }
}

int ScenarioDecode(const uint32_t *words, size_t count, struct Scenario *scenario,
                   char error[TABLE_ERROR_SIZE])
{
    *scenario = (struct Scenario){.name = "", .reason = ""};
    error[0] = '\0';
    struct TableReader reader = {
        .words = words, .count = count, .scenario = scenario, .error = error};
    ReadHead(&reader);
    uint32_t steps = ReadCount(&reader, UINT32_MAX - 1, "steps");
    scenario->steps = ReaderAllocate(&reader, steps, sizeof(*scenario->steps));
    for (uint32_t i = 0; reader.status == 0 && i < steps; i++) {
        ReadStep(&reader, &scenario->steps[i]);
    }
    scenario->stepCount = steps;
    if (reader.status == 0 && reader.position != count) {
        ReaderFail(&reader, "%zu words are left over", count - reader.position);
    }
    scenario->blocks = reader.blocks;
    if (reader.status != 0) {
        ScenarioFree(scenario);
    }
    return reader.status;
}

void ScenarioFree(struct Scenario *scenario)
{
    while (scenario->blocks != NULL) {
        struct Block *block = scenario->blocks;
        scenario->blocks = block->next;
        free(block);
    }
    *scenario = (struct Scenario){.name = "", .reason = ""};
}
