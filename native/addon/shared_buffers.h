/*
 * Holds the memory through which JavaScript and the addon exchange messages: one ArrayBuffer, which
 * JavaScript sees as four typed arrays. V8 owns it. JavaScript can transfer it away whenever it
 * runs, so the addon obtains the pointer anew each time JavaScript may have run. It is null after a
 * transfer.
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
    /* Size of the inbox in bytes. */
    static constexpr size_t INBOX_SIZE = 256 * 1024;

    /* Defines the four properties of `device`. `dataLimit`: most data of a message, bytes. */
    void Make(Napi::Object device, uint32_t dataLimit);

    /*
     * Returns whether JavaScript has transferred the memory away. The pointers below are then
     * invalid.
     */
    bool Detached() const;
    uint32_t *OutgoingWords() const;
    uint32_t *IncomingWords() const;
    uint8_t *Inbox() const;
    uint8_t *Outbox() const;
    /* Size of the outbox in bytes. */
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
