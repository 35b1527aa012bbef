#include "conformance/portable.h"

#include "conformance/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A longer list of objects is garbage, and so is data longer than TABLE_DATA_MAX. */
#define OBJECTS_MAX 4096U

struct Writer {
    uint8_t *bytes;
    size_t size, room;
    bool isFull; /* out of memory */
};

static void Put(struct Writer *writer, const void *bytes, size_t size)
{
    if (!writer->isFull && size > writer->room - writer->size) {
        size_t room = (writer->size + size) * 2;
        uint8_t *grown = realloc(writer->bytes, room);
        writer->isFull = grown == NULL;
        if (grown != NULL) {
            writer->bytes = grown;
            writer->room = room;
        }
    }
    if (!writer->isFull && size > 0) {
        memcpy(writer->bytes + writer->size, bytes, size);
        writer->size += size;
    }
}

static void Fault(const IpcMsg *message, char fault[96])
{
    fault[0] = '\0';
    if (message->dataSz > TABLE_DATA_MAX) {
        (void)snprintf(fault, 96, "%lu bytes of data", (unsigned long)message->dataSz);
    } else if (message->dataSz > 0 && message->data == NULL) {
        (void)snprintf(fault, 96, "%lu bytes of data at a null pointer",
                       (unsigned long)message->dataSz);
    } else if (message->spObjNum > OBJECTS_MAX) {
        (void)snprintf(fault, 96, "%lu objects", (unsigned long)message->spObjNum);
    } else if (message->spObjNum > 0 && message->offsets == NULL) {
        (void)snprintf(fault, 96, "%lu objects with offsets at a null pointer",
                       (unsigned long)message->spObjNum);
    }
}

static void PutObject(struct Writer *writer, const IpcMsg *message, uint32_t index)
{
    struct SnapshotObject record;
    SpecialObj object;
    const void *buffer = NULL;
    memset(&record, 0, sizeof(record));
    memcpy(&record.offset, (const uint8_t *)message->offsets + (size_t)index * sizeof(uint32_t),
           sizeof(uint32_t));
    if (message->dataSz < sizeof(object) || record.offset > message->dataSz - sizeof(object)) {
        record.state = OBJECT_OUTSIDE;
    } else {
        memcpy(&object, (const uint8_t *)message->data + record.offset, sizeof(object));
        memcpy(&record.type, &object.type, sizeof(record.type));
        if (record.type == OBJ_FD) {
            record.descriptor = object.content.fd;
            record.isOpen = fcntl((int)object.content.fd, F_GETFD) >= 0;
        } else if (record.type == OBJ_PTR) {
            record.address = (uintptr_t)object.content.ptr.buff;
            record.size = object.content.ptr.buffSz;
            buffer = object.content.ptr.buff;
            if (buffer == NULL || record.size > TABLE_DATA_MAX) {
                record.state = OBJECT_NO_BUFFER;
                record.size = 0;
            }
        }
    }
    Put(writer, &record, sizeof(record));
    Put(writer, buffer, record.size);
}

int SnapshotTake(const IpcMsg *message, uint8_t **blob, uint32_t *size)
{
    struct Writer writer = {NULL, 0, 0, false};
    struct SnapshotHead head;
    char fault[96];
    memset(&head, 0, sizeof(head));
    memcpy(&head.type, &message->type, sizeof(head.type));
    head.handle = message->target.handle;
    head.token = message->target.token;
    head.cookie = message->target.cookie;
    head.code = message->code;
    head.flag = message->flag;
    head.timestamp = message->timestamp;
    head.dataSz = message->dataSz;
    head.spObjNum = message->spObjNum;
    head.processID = message->processID;
    head.taskID = message->taskID;
    memset(fault, 0, sizeof(fault));
    Fault(message, fault);
    Put(&writer, &head, sizeof(head));
    Put(&writer, fault, sizeof(fault));
    if (fault[0] == '\0') {
        Put(&writer, message->data, message->dataSz);
        for (uint32_t i = 0; i < message->spObjNum; i++) {
            PutObject(&writer, message, i);
        }
    }
    if (writer.isFull || writer.size > UINT32_MAX) {
        free(writer.bytes);
        return -ENOMEM;
    }
    *blob = writer.bytes;
    *size = (uint32_t)writer.size;
    return 0;
}

struct Reader {
    const uint8_t *bytes;
    size_t size;
    bool isShort;
};

static void Get(struct Reader *reader, void *bytes, size_t size)
{
    if (reader->isShort || size > reader->size) {
        reader->isShort = true;
        memset(bytes, 0, size);
        return;
    }
    if (size > 0) {
        memcpy(bytes, reader->bytes, size);
        reader->bytes += size;
        reader->size -= size;
    }
}

/* Copies the next `size` bytes. Returns NULL if there are fewer, or memory is exhausted. */
static uint8_t *GetCopy(struct Reader *reader, size_t size)
{
    uint8_t *copy = size <= reader->size ? malloc(size + 1) : NULL;
    reader->isShort = reader->isShort || copy == NULL;
    if (copy != NULL) {
        Get(reader, copy, size);
    }
    return copy;
}

static void ParseObjects(struct Reader *reader, struct Snapshot *snapshot)
{
    size_t count = snapshot->head.spObjNum;
    if (count > reader->size / sizeof(struct SnapshotObject)) {
        reader->isShort = true;
        return;
    }
    snapshot->objects = calloc(count + 1, sizeof(*snapshot->objects));
    snapshot->buffers = calloc(count + 1, sizeof(*snapshot->buffers));
    if (snapshot->objects == NULL || snapshot->buffers == NULL) {
        reader->isShort = true;
        return;
    }
    for (size_t i = 0; !reader->isShort && i < count; i++) {
        struct SnapshotObject *object = &snapshot->objects[i];
        Get(reader, object, sizeof(*object));
        if (!reader->isShort && object->state == OBJECT_READABLE && object->type == OBJ_PTR) {
            snapshot->buffers[i] = GetCopy(reader, object->size);
        }
    }
}

int SnapshotParse(const uint8_t *blob, uint32_t size, struct Snapshot *snapshot)
{
    struct Reader reader = {blob, size, false};
    memset(snapshot, 0, sizeof(*snapshot));
    Get(&reader, &snapshot->head, sizeof(snapshot->head));
    Get(&reader, snapshot->fault, sizeof(snapshot->fault));
    snapshot->fault[sizeof(snapshot->fault) - 1] = '\0';
    if (snapshot->fault[0] != '\0') {
        snapshot->head.dataSz = 0;
        snapshot->head.spObjNum = 0;
    }
    snapshot->data = GetCopy(&reader, snapshot->head.dataSz);
    ParseObjects(&reader, snapshot);
    if (reader.isShort || reader.size != 0) {
        SnapshotFree(snapshot);
        return -EINVAL;
    }
    return 0;
}

void SnapshotFree(struct Snapshot *snapshot)
{
    for (size_t i = 0; snapshot->buffers != NULL && i < snapshot->head.spObjNum; i++) {
        free(snapshot->buffers[i]);
    }
    free(snapshot->buffers);
    free(snapshot->objects);
    free(snapshot->data);
    memset(snapshot, 0, sizeof(*snapshot));
}
