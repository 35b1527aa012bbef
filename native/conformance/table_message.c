/* Reads the parts of a table that describe messages: values, parts, sent and wanted messages. */
#include "conformance/portable.h"

#include "conformance/table.h"
#include "conformance/table_reader.h"

/* Size of the largest SpecialObj of any ABI with its padding, in bytes. */
#define OBJECT_SIZE_MAX 32U

struct Value ReadValue(struct TableReader *reader)
{
    struct Value value = {.kind = VALUE_NUMBER};
    uint32_t word = ReadWord(reader);
    value.number = ReadLong(reader);
    const struct Scenario *scenario = reader->scenario;
    const uint32_t limits[VALUE_KIND_COUNT] = {
        [VALUE_NUMBER] = 1,
        [VALUE_TASK_ID] = scenario->taskCount,
        [VALUE_PROCESS_ID] = scenario->processCount,
        [VALUE_HANDLE] = scenario->handleCount,
        [VALUE_TIMESTAMP] = scenario->messageCount,
    };
    uint32_t kind = word & 0xFF;
    if (kind >= VALUE_KIND_COUNT || word >> 8 >= limits[kind]) {
        ReaderFail(reader, "a value of kind %lu, number %lu", (unsigned long)kind,
                   (unsigned long)(word >> 8));
        return value;
    }
    value.kind = (enum ValueKind)kind;
    value.index = word >> 8;
    return value;
}

static struct PartList ReadParts(struct TableReader *reader, bool wanted, unsigned depth);

static void ReadPart(struct TableReader *reader, struct Part *part, bool wanted, unsigned depth)
{
    part->kind = (enum PartKind)ReadBelow(reader, PART_KIND_COUNT, "part");
    switch (part->kind) {
        case PART_U32:
        case PART_U64:
            part->value[0] = ReadValue(reader);
            break;
        case PART_BYTES:
            part->bytes = (const uint8_t *)ReadBytes(reader, &part->size);
            break;
        case PART_FILL:
            part->detail = ReadBelow(reader, 256, "fill byte");
            part->size = ReadBelow(reader, TABLE_DATA_MAX + 1, "fill size");
            break;
        case PART_FD:
            part->detail = ReadBelow(reader, DESCRIPTOR_COUNT, "descriptor");
            break;
        case PART_PTR:
            part->inner = ReadParts(reader, wanted, depth + 1);
            break;
        case PART_SVC:
            for (unsigned i = 0; i < 3; i++) {
                part->value[i] = ReadValue(reader);
            }
            break;
        case PART_OBJECT:
            part->detail = ReadWord(reader);
            break;
        default: /* PART_ANY */
            part->size = ReadBelow(reader, TABLE_DATA_MAX + 1, "size to be skipped");
            break;
    }
    if (reader->status == 0 && part->kind == (wanted ? PART_OBJECT : PART_ANY)) {
        ReaderFail(reader, "part %lu in a message that is %s", (unsigned long)part->kind,
                   wanted ? "wanted" : "sent");
    }
}

static struct PartList ReadParts(struct TableReader *reader, bool wanted, unsigned depth)
{
    struct PartList list = {NULL, 0};
    if (depth == TABLE_DEPTH_MAX) {
        ReaderFail(reader, "buffers inside buffers, %u deep", depth);
    }
    uint32_t count = ReadCount(reader, UINT32_MAX - 1, "parts");
    struct Part *parts = ReaderAllocate(reader, count, sizeof(*parts));
    uint64_t total = 0;
    for (uint32_t i = 0; reader->status == 0 && i < count; i++) {
        ReadPart(reader, &parts[i], wanted, depth);
        total += (uint64_t)parts[i].size + OBJECT_SIZE_MAX;
        if (total > TABLE_DATA_MAX) {
            ReaderFail(reader, "more than %lu bytes of data", (unsigned long)TABLE_DATA_MAX);
        }
    }
    list.parts = parts;
    list.count = reader->status == 0 ? count : 0;
    return list;
}

const struct OutMessage *ReadOut(struct TableReader *reader)
{
    if (ReadBelow(reader, 2, "option") == 0) {
        return NULL;
    }
    struct OutMessage *out = ReaderAllocate(reader, 1, sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    struct Value *values[] = {&out->type, &out->handle, &out->token,    &out->cookie,
                              &out->code, &out->flag,   &out->timestamp};
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        *values[i] = ReadValue(reader);
    }
    out->overrides = ReadBelow(reader, OVERRIDE_ALL + 1, "overrides");
    out->dataSz = ReadWord(reader);
    out->spObjNum = ReadWord(reader);
    out->offsetCount = ReadCount(reader, UINT32_MAX - 1, "offsets");
    uint32_t *offsets = ReaderAllocate(reader, out->offsetCount, sizeof(*offsets));
    for (uint32_t i = 0; offsets != NULL && i < out->offsetCount; i++) {
        offsets[i] = ReadWord(reader);
    }
    out->offsets = offsets;
    out->data = ReadParts(reader, false, 0);
    return out;
}

const struct WantedMessage *ReadWanted(struct TableReader *reader)
{
    if (ReadBelow(reader, 2, "option") == 0) {
        return NULL;
    }
    struct WantedMessage *wanted = ReaderAllocate(reader, 1, sizeof(*wanted));
    if (wanted == NULL) {
        return NULL;
    }
    wanted->fields = ReadBelow(reader, 1U << FIELD_COUNT, "fields");
    for (unsigned i = 0; i < FIELD_VALUE_COUNT; i++) {
        if (wanted->fields & 1U << i) {
            wanted->value[i] = ReadValue(reader);
        }
    }
    if (wanted->fields & 1U << FIELD_DATA_SIZE) {
        wanted->dataSz = ReadWord(reader);
    }
    if (wanted->fields & 1U << FIELD_OBJECT_COUNT) {
        wanted->spObjNum = ReadWord(reader);
    }
    if (wanted->fields & 1U << FIELD_FROM) {
        wanted->from = ReadBelow(reader, reader->scenario->taskCount, "task");
    }
    if (wanted->fields & 1U << FIELD_DATA) {
        wanted->data = ReadParts(reader, true, 0);
    }
    return wanted;
}
