#include "conformance/portable.h"

#include "conformance/compare.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conformance/compose.h"

/* Number of differing bytes that are shown. */
#define SHOWN_BYTES 8U

struct Comparison {
    const struct Scenario *scenario;
    const uint64_t *environment;
    const struct Snapshot *came;
    struct Difference *difference;
};

/* Bytes of the message's data or of one of its buffers. */
struct ByteRange {
    const uint8_t *bytes;
    size_t size;
    const char *name; /* "data", "buffer of the object at byte 8" */
};

void DifferenceSet(struct Difference *difference, const char *wanted, const char *came, ...)
{
    va_list arguments;
    (void)snprintf(difference->wanted, DIFFERENCE_SIZE, "%s", wanted);
    va_start(arguments, came);
    (void)vsnprintf(difference->came, DIFFERENCE_SIZE, came, arguments);
    va_end(arguments);
}

bool CompareResult(uint32_t want, int32_t result, uint32_t allowed, struct Difference *difference)
{
    char text[32];
    if (result < 0) {
        bool agrees = want == WANT_FAIL || (want != WANT_OK && WantErrno(want) == -result);
        if (!agrees) {
            DifferenceSet(difference, WantName(want), "%s", ErrorName(-result, text));
        }
        return agrees;
    }
    if (want != WANT_OK) {
        DifferenceSet(difference, WantName(want), "OK");
        return false;
    }
    if ((uint32_t)result != allowed) {
        (void)snprintf(text, sizeof(text), "result %lu", (unsigned long)allowed);
        DifferenceSet(difference, text, "result %ld", (long)result);
        return false;
    }
    return true;
}

static uint64_t Resolve(const struct Comparison *comparison, const struct Value *value)
{
    return EnvironmentValue(comparison->scenario, comparison->environment, value);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static void NameType(uint32_t type, char text[32])
{
    static const char *const NAMES[] = {"REQUEST", "REPLY", "FAILED_REPLY", "DEATH_NOTIFY"};
    if (type < sizeof(NAMES) / sizeof(NAMES[0])) {
        (void)snprintf(text, 32, "type %s", NAMES[type]);
    } else {
        (void)snprintf(text, 32, "type %lu", (unsigned long)type);
    }
}

static bool FieldAgrees(const struct Comparison *comparison, const char *name, uint32_t wanted,
                        uint32_t came)
{
    char text[DIFFERENCE_SIZE];
    if (wanted == came) {
        return true;
    }
    (void)snprintf(text, sizeof(text), "%s %lu", name, (unsigned long)wanted);
    DifferenceSet(comparison->difference, text, "%s %lu", name, (unsigned long)came);
    return false;
}

static bool ValuesAgree(const struct Comparison *comparison, const struct WantedMessage *wanted)
{
    static const char *const NAMES[] = {"type", "handle", "token", "cookie", "code", "flag"};
    const struct SnapshotHead *head = &comparison->came->head;
    const uint32_t came[] = {head->type,   head->handle, head->token,
                             head->cookie, head->code,   head->flag};
    for (unsigned i = 0; i < FIELD_VALUE_COUNT; i++) {
        uint32_t value = (uint32_t)Resolve(comparison, &wanted->value[i]);
        if (!(wanted->fields & 1U << i) || value == came[i]) {
            continue;
        }
        if (i == FIELD_TYPE) {
            char wantedText[32], cameText[32];
            NameType(value, wantedText);
            NameType(came[i], cameText);
            DifferenceSet(comparison->difference, wantedText, "%s", cameText);
            return false;
        }
        return FieldAgrees(comparison, NAMES[i], value, came[i]);
    }
    return true;
}

/* Returns the name of the task with this ID, or "unknown". */
static const char *NameSender(const struct Comparison *comparison, uint32_t taskID)
{
    const struct Scenario *scenario = comparison->scenario;
    for (uint32_t i = 0; i < scenario->taskCount; i++) {
        if (comparison->environment[i] == taskID) {
            return scenario->tasks[i].name;
        }
    }
    return "unknown";
}

static bool SenderAgrees(const struct Comparison *comparison, uint32_t from)
{
    const struct Scenario *scenario = comparison->scenario;
    const struct SnapshotHead *head = &comparison->came->head;
    struct Value task = {.kind = VALUE_TASK_ID, .index = from};
    struct Value process = {.kind = VALUE_PROCESS_ID, .index = scenario->tasks[from].process};
    uint32_t taskID = (uint32_t)Resolve(comparison, &task);
    uint32_t processID = (uint32_t)Resolve(comparison, &process);
    char text[DIFFERENCE_SIZE];
    if (head->taskID == taskID && head->processID == processID) {
        return true;
    }
    (void)snprintf(text, sizeof(text), "from task %.64s (%lu) of process %lu",
                   scenario->tasks[from].name, (unsigned long)taskID, (unsigned long)processID);
    DifferenceSet(comparison->difference, text, "from task %.64s (%lu) of process %lu",
                  NameSender(comparison, head->taskID), (unsigned long)head->taskID,
                  (unsigned long)head->processID);
    return false;
}

/* ---- data ------------------------------------------------------------------------------------ */

static void ShowBytes(char text[DIFFERENCE_SIZE], const struct ByteRange *stretch, size_t place,
                      const uint8_t *bytes, size_t size)
{
    int length = snprintf(text, DIFFERENCE_SIZE, "%s at byte %zu:", stretch->name, place);
    for (size_t i = 0; i < size && i < SHOWN_BYTES && length < DIFFERENCE_SIZE; i++) {
        length += snprintf(text + length, DIFFERENCE_SIZE - (size_t)length, " %02x", bytes[i]);
    }
    if (size > SHOWN_BYTES && length < DIFFERENCE_SIZE) {
        (void)snprintf(text + length, DIFFERENCE_SIZE - (size_t)length, " ...");
    }
}

static bool BytesAgree(const struct Comparison *comparison, const struct ByteRange *stretch,
                       size_t place, const uint8_t *wanted, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (stretch->bytes[place + i] != wanted[i]) {
            size_t rest = size - i;
            ShowBytes(comparison->difference->wanted, stretch, place + i, wanted + i, rest);
            ShowBytes(comparison->difference->came, stretch, place + i, stretch->bytes + place + i,
                      rest);
            return false;
        }
    }
    return true;
}

static bool FillAgrees(const struct Comparison *comparison, const struct ByteRange *stretch,
                       size_t place, const struct Part *part)
{
    uint8_t byte = (uint8_t)part->detail;
    for (uint32_t i = 0; i < part->size; i++) {
        if (stretch->bytes[place + i] != byte) {
            return BytesAgree(comparison, stretch, place + i, &byte, 1);
        }
    }
    return true;
}

static bool ListAgrees(const struct Comparison *comparison, const struct PartList *list,
                       const struct ByteRange *stretch);

/* Returns the index of the object at this offset, or the number of objects if there is none. */
static uint32_t FindObject(const struct Snapshot *came, size_t offset)
{
    uint32_t index = 0;
    while (index < came->head.spObjNum && came->objects[index].offset != offset) {
        index++;
    }
    return index;
}

static bool BufferAgrees(const struct Comparison *comparison, const struct Part *part,
                         uint32_t index)
{
    const struct SnapshotObject *object = &comparison->came->objects[index];
    char name[64];
    if (object->state == OBJECT_NO_BUFFER) {
        DifferenceSet(comparison->difference, "a buffer", "object %lu has none",
                      (unsigned long)index);
        return false;
    }
    (void)snprintf(name, sizeof(name), "buffer of object %lu", (unsigned long)index);
    struct ByteRange stretch = {comparison->came->buffers[index], object->size, name};
    return ListAgrees(comparison, &part->inner, &stretch);
}

static bool ObjectAgrees(const struct Comparison *comparison, const struct Part *part,
                         const struct ByteRange *stretch, size_t place)
{
    static const char *const NAMES[] = {"FD", "PTR", "SVC"};
    uint32_t wantedType = part->kind == PART_FD    ? OBJ_FD
                          : part->kind == PART_PTR ? OBJ_PTR
                                                   : OBJ_SVC;
    char text[DIFFERENCE_SIZE];
    SpecialObj object;
    uint32_t type;
    memcpy(&object, stretch->bytes + place, sizeof(object));
    memcpy(&type, &object.type, sizeof(type));
    if (type != wantedType) {
        (void)snprintf(text, sizeof(text), "object %s at byte %zu", NAMES[wantedType], place);
        DifferenceSet(comparison->difference, text, "object type %lu", (unsigned long)type);
        return false;
    }
    if (part->kind == PART_SVC) {
        const SvcIdentity *svc = &object.content.svc;
        return FieldAgrees(comparison, "object's handle",
                           (uint32_t)Resolve(comparison, &part->value[0]), svc->handle) &&
               FieldAgrees(comparison, "object's token",
                           (uint32_t)Resolve(comparison, &part->value[1]), svc->token) &&
               FieldAgrees(comparison, "object's cookie",
                           (uint32_t)Resolve(comparison, &part->value[2]), svc->cookie);
    }
    uint32_t index = FindObject(comparison->came, place);
    if (index == comparison->came->head.spObjNum) {
        (void)snprintf(text, sizeof(text), "an object at byte %zu", place);
        DifferenceSet(comparison->difference, text, "no offset names it");
        return false;
    }
    if (part->kind == PART_PTR) {
        return BufferAgrees(comparison, part, index);
    }
    if (!comparison->came->objects[index].isOpen) {
        DifferenceSet(comparison->difference, "an open descriptor", "descriptor %ld is not open",
                      (long)(int32_t)comparison->came->objects[index].descriptor);
        return false;
    }
    return true;
}

static bool PartAgrees(const struct Comparison *comparison, const struct Part *part,
                       const struct ByteRange *stretch, size_t place)
{
    uint64_t value = Resolve(comparison, &part->value[0]);
    uint32_t half = (uint32_t)value;
    switch (part->kind) {
        case PART_U32:
            return BytesAgree(comparison, stretch, place, (const uint8_t *)&half, sizeof(half));
        case PART_U64:
            return BytesAgree(comparison, stretch, place, (const uint8_t *)&value, sizeof(value));
        case PART_BYTES:
            return BytesAgree(comparison, stretch, place, part->bytes, part->size);
        case PART_FILL:
            return FillAgrees(comparison, stretch, place, part);
        case PART_ANY:
            return true;
        default:
            return ObjectAgrees(comparison, part, stretch, place);
    }
}

static bool ListAgrees(const struct Comparison *comparison, const struct PartList *list,
                       const struct ByteRange *stretch)
{
    size_t end = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        size_t begin = PartBegin(end);
        end = begin + PartSize(&list->parts[i]);
        if (end > stretch->size) {
            char text[DIFFERENCE_SIZE];
            (void)snprintf(text, sizeof(text), "%s of at least %zu bytes", stretch->name, end);
            DifferenceSet(comparison->difference, text, "%zu bytes", stretch->size);
            return false;
        }
        if (!PartAgrees(comparison, &list->parts[i], stretch, begin)) {
            return false;
        }
    }
    return true;
}

bool CompareMessage(const struct Scenario *scenario, const uint64_t *environment,
                    const struct WantedMessage *wanted, const struct Snapshot *came,
                    struct Difference *difference)
{
    struct Comparison comparison = {scenario, environment, came, difference};
    struct ByteRange data = {came->data, came->head.dataSz, "data"};
    if (came->fault[0] != '\0') {
        DifferenceSet(difference, "a message", "%s", came->fault);
        return false;
    }
    if (!ValuesAgree(&comparison, wanted)) {
        return false;
    }
    if (wanted->fields & 1U << FIELD_FROM && !SenderAgrees(&comparison, wanted->from)) {
        return false;
    }
    if (wanted->fields & 1U << FIELD_DATA_SIZE &&
        !FieldAgrees(&comparison, "dataSz", wanted->dataSz, came->head.dataSz)) {
        return false;
    }
    if (wanted->fields & 1U << FIELD_OBJECT_COUNT &&
        !FieldAgrees(&comparison, "spObjNum", wanted->spObjNum, came->head.spObjNum)) {
        return false;
    }
    return !(wanted->fields & 1U << FIELD_DATA) || ListAgrees(&comparison, &wanted->data, &data);
}
