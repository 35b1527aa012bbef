#include "addon/shared_buffers.h"

#include "addon/contract.h"

namespace liteipc
{

namespace
{

/* Offsets of the four arrays in the buffer, bytes. */
constexpr size_t OUTGOING_START = 0;
constexpr size_t INCOMING_START = OUTGOING_START + Outgoing::Words * sizeof(uint32_t);
constexpr size_t INBOX_START =
    INCOMING_START + EVENTS_PER_BATCH * Incoming::Words * sizeof(uint32_t);
constexpr size_t OUTBOX_START = INBOX_START + SharedBuffers::INBOX_SIZE;
static_assert(INCOMING_START % 64 == 0 && INBOX_START % 64 == 0 && OUTBOX_START % 64 == 0);

/* A message's data may begin at any multiple of 8 that leaves room for it, and some slack. */
constexpr size_t OUTBOX_SLACK = 64;

void DefineConstant(Napi::Object object, const char *name, Napi::Value value)
{
    object.DefineProperty(Napi::PropertyDescriptor::Value(name, value, napi_enumerable));
}

} // namespace

void SharedBuffers::Make(Napi::Object device, uint32_t dataLimit)
{
    Napi::Env env = device.Env();
    outboxSize_ = (dataLimit + OUTBOX_SLACK + 7) & ~static_cast<size_t>(7);
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, OUTBOX_START + outboxSize_);
    memory_ = static_cast<uint8_t *>(buffer.Data());
    buffer_ = Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1);
    DefineConstant(device, "outgoing",
                   Napi::Uint32Array::New(env, Outgoing::Words, buffer, OUTGOING_START));
    DefineConstant(
        device, "incoming",
        Napi::Uint32Array::New(env, EVENTS_PER_BATCH * Incoming::Words, buffer, INCOMING_START));
    DefineConstant(device, "inbox", Napi::Uint8Array::New(env, INBOX_SIZE, buffer, INBOX_START));
    DefineConstant(device, "outbox", Napi::Uint8Array::New(env, outboxSize_, buffer, OUTBOX_START));
}

bool SharedBuffers::Detached() const
{
    bool detached = true;
    napi_value buffer = nullptr;
    if (napi_get_reference_value(buffer_.Env(), buffer_, &buffer) != napi_ok ||
        napi_is_detached_arraybuffer(buffer_.Env(), buffer, &detached) != napi_ok) {
        return true;
    }
    return detached;
}

uint32_t *SharedBuffers::OutgoingWords() const
{
    return reinterpret_cast<uint32_t *>(memory_ + OUTGOING_START);
}

uint32_t *SharedBuffers::IncomingWords() const
{
    return reinterpret_cast<uint32_t *>(memory_ + INCOMING_START);
}

uint8_t *SharedBuffers::Inbox() const
{
    return memory_ + INBOX_START;
}

uint8_t *SharedBuffers::Outbox() const
{
    return memory_ + OUTBOX_START;
}

} // namespace liteipc
