#include "conformance/portable.h"

#include "conformance/compose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/exchange.h"

/* Bytes behind the data that a malformed message may make the device read. */
#define SPARE_MAX 65536U

struct Piece {
    struct Piece *next;
    uint64_t memory[];
};

struct Composer {
    const struct Scenario *scenario;
    const uint64_t *environment;
    DescriptorSource source;
    void *context;
    struct Composition *composition;
    uint32_t
        *offsets; /* offsets of the objects; NULL inside a buffer, where objects are plain bytes */
    uint32_t objectCount;
};

size_t PartBegin(size_t end)
{
    return (end + PART_ALIGNMENT - 1) / PART_ALIGNMENT * PART_ALIGNMENT;
}

size_t PartSize(const struct Part *part)
{
    switch (part->kind) {
        case PART_U32:
            return sizeof(uint32_t);
        case PART_U64:
            return sizeof(uint64_t);
        case PART_BYTES:
        case PART_FILL:
        case PART_ANY:
            return part->size;
        default:
            return sizeof(SpecialObj);
    }
}

static size_t ListSize(const struct PartList *list)
{
    size_t end = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        end = PartBegin(end) + PartSize(&list->parts[i]);
    }
    return end;
}

static void *Allocate(struct Composition *composition, size_t size)
{
    struct Piece *piece = calloc(1, sizeof(*piece) + size + 1);
    if (piece == NULL) {
        return NULL;
    }
    piece->next = composition->pieces;
    composition->pieces = piece;
    return piece->memory;
}

static int LayList(struct Composer *composer, const struct PartList *list, uint8_t *data);

static uint64_t Resolve(const struct Composer *composer, const struct Value *value)
{
    return EnvironmentValue(composer->scenario, composer->environment, value);
}

static int LayBuffer(struct Composer *composer, const struct Part *part, SpecialObj *object)
{
    size_t size = ListSize(&part->inner);
    uint8_t *buffer = Allocate(composer->composition, size);
    if (buffer == NULL) {
        return -ENOMEM;
    }
    /* An empty list describes the malformed object without a buffer. */
    object->content.ptr.buff = size == 0 ? NULL : buffer;
    object->content.ptr.buffSz = (uint32_t)size;
    uint32_t *offsets = composer->offsets;
    composer->offsets = NULL;
    int status = LayList(composer, &part->inner, buffer);
    composer->offsets = offsets;
    return status;
}

static int LayObject(struct Composer *composer, const struct Part *part, uint8_t *place)
{
    SpecialObj object;
    int status = 0;
    memset(&object, 0, sizeof(object));
    if (part->kind == PART_FD) {
        int descriptor = composer->source(composer->context, (enum PartDescriptor)part->detail);
        object.type = OBJ_FD;
        object.content.fd = (uint32_t)descriptor;
        status = descriptor < 0 ? -EMFILE : 0;
    } else if (part->kind == PART_PTR) {
        object.type = OBJ_PTR;
        status = LayBuffer(composer, part, &object);
    } else if (part->kind == PART_SVC) {
        object.type = OBJ_SVC;
        object.content.svc.handle = (uint32_t)Resolve(composer, &part->value[0]);
        object.content.svc.token = (uint32_t)Resolve(composer, &part->value[1]);
        object.content.svc.cookie = (uint32_t)Resolve(composer, &part->value[2]);
    } else {
        memcpy(&object.type, &part->detail, sizeof(part->detail));
    }
    memcpy(place, &object, sizeof(object));
    return status;
}

static int LayPart(struct Composer *composer, const struct Part *part, uint8_t *place,
                   uint32_t offset)
{
    uint64_t value;
    uint32_t half;
    switch (part->kind) {
        case PART_U32:
            half = (uint32_t)Resolve(composer, &part->value[0]);
            memcpy(place, &half, sizeof(half));
            return 0;
        case PART_U64:
            value = Resolve(composer, &part->value[0]);
            memcpy(place, &value, sizeof(value));
            return 0;
        case PART_BYTES:
            memcpy(place, part->bytes, part->size);
            return 0;
        case PART_FILL:
            memset(place, (int)part->detail, part->size);
            return 0;
        default:
            if (composer->offsets != NULL) {
                composer->offsets[composer->objectCount++] = offset;
            }
            return LayObject(composer, part, place);
    }
}

static int LayList(struct Composer *composer, const struct PartList *list, uint8_t *data)
{
    size_t end = 0;
    int status = 0;
    for (uint32_t i = 0; status == 0 && i < list->count; i++) {
        size_t begin = PartBegin(end);
        status = LayPart(composer, &list->parts[i], data + begin, (uint32_t)begin);
        end = begin + PartSize(&list->parts[i]);
    }
    return status;
}

static size_t Larger(size_t one, size_t other)
{
    return one > other ? one : other;
}

static size_t Spare(uint32_t overrides, uint32_t which, uint64_t bytes)
{
    return !(overrides & which) ? 0 : bytes > SPARE_MAX ? SPARE_MAX : (size_t)bytes;
}

static void Head(const struct Composer *composer, const struct OutMessage *out, IpcMsg *message)
{
    uint32_t type = (uint32_t)Resolve(composer, &out->type);
    memcpy(&message->type, &type, sizeof(type)); /* the value may be outside the enumeration */
    message->target.handle = (uint32_t)Resolve(composer, &out->handle);
    message->target.token = (uint32_t)Resolve(composer, &out->token);
    message->target.cookie = (uint32_t)Resolve(composer, &out->cookie);
    message->code = (uint32_t)Resolve(composer, &out->code);
    message->flag = (uint32_t)Resolve(composer, &out->flag);
    message->timestamp = Resolve(composer, &out->timestamp);
}

int Compose(const struct Scenario *scenario, const uint64_t *environment,
            const struct OutMessage *out, DescriptorSource source, void *context,
            struct Composition *composition)
{
    memset(composition, 0, sizeof(*composition));
    IpcMsg *message = &composition->message;
    uint32_t overrides = out->overrides;
    size_t size = ListSize(&out->data);
    uint8_t *data =
        Allocate(composition, Larger(size, Spare(overrides, OVERRIDE_DATA_SIZE, out->dataSz)));
    size_t offsetCount = Larger(out->data.count, out->offsetCount);
    uint64_t spare = (uint64_t)out->spObjNum * sizeof(uint32_t);
    uint32_t *offsets =
        Allocate(composition, Larger(offsetCount * sizeof(uint32_t),
                                     Spare(overrides, OVERRIDE_OBJECT_COUNT, spare)));
    if (data == NULL || offsets == NULL) {
        return -ENOMEM;
    }
    struct Composer composer = {.scenario = scenario,
                                .environment = environment,
                                .source = source,
                                .context = context,
                                .composition = composition,
                                .offsets = offsets};
    int status = LayList(&composer, &out->data, data);
    if (status != 0) {
        return status;
    }
    Head(&composer, out, message);
    message->dataSz = overrides & OVERRIDE_DATA_SIZE ? out->dataSz : (uint32_t)size;
    message->spObjNum = composer.objectCount;
    if (overrides & OVERRIDE_OFFSETS) {
        memcpy(offsets, out->offsets, out->offsetCount * sizeof(uint32_t));
        message->spObjNum = out->offsetCount;
    }
    if (overrides & OVERRIDE_OBJECT_COUNT) {
        message->spObjNum = out->spObjNum;
    }
    message->data = overrides & OVERRIDE_DATA_NULL || message->dataSz == 0 ? NULL : data;
    message->offsets = overrides & OVERRIDE_OFFSETS_NULL || message->spObjNum == 0 ? NULL : offsets;
    return 0;
}

void ComposeFree(struct Composition *composition)
{
    while (composition->pieces != NULL) {
        struct Piece *piece = composition->pieces;
        composition->pieces = piece->next;
        free(piece);
    }
}
