#include "addon/event_batch.h"

#include <algorithm>
#include <cstring>

namespace liteipc
{

size_t EventBatch::Take(napi_env env)
{
    LiteIpcEvent events[EVENTS_PER_BATCH];
    /* A request needs a slot. Without one it waits in its lane and thereby slows its sender. */
    size_t maximum = std::min(EVENTS_PER_BATCH, requests_.Room());
    int count = LiteIpcReceive(thread_, events, maximum);
    for (int index = 0; index < count; index++) {
        Write(env, events[index], buffers_.IncomingWords() + index * Incoming::Words);
    }
    return count > 0 ? static_cast<size_t>(count) : 0;
}

void EventBatch::Write(napi_env env, const LiteIpcEvent &event, uint32_t *words)
{
    std::fill_n(words, Incoming::Words, 0);
    words[Incoming::Kind] = event.kind;
    words[Incoming::Status] = static_cast<uint32_t>(event.status);
    switch (event.kind) {
        case LITEIPC_EVENT_MESSAGE:
        case LITEIPC_EVENT_CALL:
            words[Incoming::Task] = tasks_.IdOf(event.task);
            words[Incoming::UserData] = static_cast<uint32_t>(event.userData);
            if (event.message != nullptr) {
                WriteMessage(env, event, words);
            }
            break;
        case LITEIPC_EVENT_CONTROL:
            WriteControl(event, words);
            break;
        case LITEIPC_EVENT_LANE:
            words[Incoming::Value0] = event.value0;
            words[Incoming::Value1] = event.value1;
            break;
        case LITEIPC_EVENT_LOST:
            lost_ = true;
            break;
    }
}

/*
 * Registers descriptors for JavaScript to adopt; otherwise a sender could fill this process.
 * Buffers are not passed on and are freed at once.
 */
void EventBatch::CopyObjects(napi_env env, const IpcMsg *message, uint32_t *words)
{
    size_t wordCount = size_t{message->spObjNum} * ObjectWords::Words;
    void *memory = nullptr;
    napi_value buffer = nullptr;
    napi_value array = nullptr;
    /* Fails only in an environment that cannot run JavaScript any more. */
    bool made =
        napi_create_arraybuffer(env, wordCount * sizeof(uint32_t), &memory, &buffer) == napi_ok &&
        napi_create_typedarray(env, napi_uint32_array, wordCount, buffer, 0, &array) == napi_ok;
    const char *data = static_cast<const char *>(message->data);
    for (uint32_t index = 0; index < message->spObjNum; index++) {
        uint32_t entry[ObjectWords::Words] = {};
        SpecialObj object;
        std::memcpy(&entry[ObjectWords::Offset],
                    static_cast<const uint32_t *>(message->offsets) + index, sizeof(uint32_t));
        std::memcpy(&object, data + entry[ObjectWords::Offset], sizeof(object));
        entry[ObjectWords::Type] = object.type;
        if (object.type == OBJ_FD) {
            arrived_.Add(static_cast<int>(object.content.fd));
            entry[ObjectWords::Value0] = object.content.fd;
        } else if (object.type == OBJ_PTR) {
            entry[ObjectWords::Value0] = object.content.ptr.buffSz;
            LiteIpcFree(thread_, object.content.ptr.buff);
        } else {
            entry[ObjectWords::Value0] = object.content.svc.handle;
            entry[ObjectWords::Value1] = object.content.svc.token;
            entry[ObjectWords::Value2] = object.content.svc.cookie;
        }
        if (made) {
            std::memcpy(static_cast<char *>(memory) + index * sizeof(entry), entry, sizeof(entry));
        }
    }
    if (made) {
        objects_[objectsCount_++] = array;
        words[Incoming::Objects] = static_cast<uint32_t>(objectsCount_);
    }
}

void EventBatch::WriteMessage(napi_env env, const LiteIpcEvent &event, uint32_t *words)
{
    const IpcMsg *message = event.message;
    words[Incoming::Type] = message->type;
    words[Incoming::Code] = message->code;
    words[Incoming::Token] = message->target.token;
    words[Incoming::Cookie] = message->target.cookie;
    words[Incoming::Flag] = message->flag;
    words[Incoming::ProcessId] = message->processID;
    words[Incoming::TaskId] = message->taskID;
    words[Incoming::TaskGeneration] = event.callerGeneration;
    words[Incoming::Pid] = event.callerPid;
    words[Incoming::Uid] = message->userID;
    words[Incoming::Gid] = message->gid;
    words[Incoming::DeadlineMs] = event.deadlineMs;
    words[Incoming::TimestampLow] = static_cast<uint32_t>(message->timestamp);
    words[Incoming::TimestampHigh] = static_cast<uint32_t>(message->timestamp >> 32);
    CopyData(env, message, words);
    if (message->spObjNum != 0) {
        CopyObjects(env, message, words);
    }
    if (message->type == MT_REQUEST) {
        words[Incoming::Request] = requests_.Add(message);
    } else {
        LiteIpcFree(thread_, message); /* a reply or a death notice has no answer */
    }
}

void EventBatch::CopyData(napi_env env, const IpcMsg *message, uint32_t *words)
{
    size_t size = message->dataSz;
    words[Incoming::DataSize] = message->dataSz;
    if (size <= INBOX_MESSAGE_MAX && size <= SharedBuffers::INBOX_SIZE - inboxUsed_) {
        words[Incoming::DataStart] = static_cast<uint32_t>(inboxUsed_);
        if (size != 0) {
            std::memcpy(buffers_.Inbox() + inboxUsed_, message->data, size);
        }
        inboxUsed_ = std::min((inboxUsed_ + size + 7) & ~size_t{7}, SharedBuffers::INBOX_SIZE);
        return;
    }
    void *copy = nullptr;
    napi_value buffer = nullptr;
    napi_value array = nullptr;
    if (napi_create_arraybuffer(env, size, &copy, &buffer) != napi_ok ||
        napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &array) != napi_ok) {
        /* Only in an environment that cannot run JavaScript any more. */
        words[Incoming::DataSize] = 0;
        return;
    }
    std::memcpy(copy, message->data, size);
    words[Incoming::DataLarge] = 1;
    words[Incoming::DataStart] = static_cast<uint32_t>(largeCount_);
    large_[largeCount_] = array;
    largeCount_++;
}

void EventBatch::WriteControl(const LiteIpcEvent &event, uint32_t *words)
{
    ControlTag tag = ControlTag::Unpack(event.userData);
    words[Incoming::UserData] = tag.userData;
    words[Incoming::Value0] = event.value0;
    words[Incoming::Value1] = event.value1;
    if (tag.operation == ControlOperation::TaskCreate && event.status == 0) {
        words[Incoming::Task] = event.value0;
        tasks_.Add(event.task, event.value0);
        return;
    }
    words[Incoming::Task] = tag.taskID;
    if (tag.operation == ControlOperation::TaskExit) {
        if (event.status == 0) {
            tasks_.Remove(tag.taskID);
        } else {
            tasks_.SetEnding(tag.taskID, false);
        }
    }
}

} // namespace liteipc
