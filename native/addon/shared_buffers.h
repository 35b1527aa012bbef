/*
 * The memory through which JavaScript and the addon exchange messages: one ArrayBuffer, which
 * JavaScript sees as four typed arrays. V8 owns it. JavaScript can transfer it away at any time it
 * runs, so a pointer is asked for anew after every time it may have run, and is null from then on.
 */
#ifndef LITEIPC_ADDON_SHARED_BUFFERS_H
#define LITEIPC_ADDON_SHARED_BUFFERS_H

#include <cstddef>
#include <cstdint>

#include <napi.h>

namespace liteipc
{

class SharedBuffers
{
  public:
    /* Bytes of the inbox. */
    static constexpr size_t INBOX_SIZE = 256 * 1024;

    /* `dataLimit`: most data of a message, bytes. Defines the four properties of `device`. */
    void Make(Napi::Object device, uint32_t dataLimit);

    /* Has JavaScript transferred the memory away. The pointers below are valid only if not. */
    bool Detached() const;
    uint32_t *OutgoingWords() const;
    uint32_t *IncomingWords() const;
    uint8_t *Inbox() const;
    uint8_t *Outbox() const;
    /* Bytes. */
    size_t OutboxSize() const
    {
        return outboxSize_;
    }

  private:
    Napi::Reference<Napi::ArrayBuffer> buffer_;
    uint8_t *memory_ = nullptr;
    size_t outboxSize_ = 0;
};

} // namespace liteipc

#endif
