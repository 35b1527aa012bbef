/*
 * Holds the requests that JavaScript has received and neither answered nor freed. JavaScript names
 * a request by a 32-bit number, never 0: {generation of the slot: 10 bits, slot: 22 bits}, so that
 * a stale name is recognised. Used only by the device's JS thread.
 */
#ifndef LITEIPC_ADDON_REQUEST_TABLE_H
#define LITEIPC_ADDON_REQUEST_TABLE_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "liteipc/liteipc.h"

namespace liteipc
{

class RequestTable
{
  public:
    static constexpr size_t CAPACITY = size_t{1} << 22;

    /* Returns the number of further requests that have room. */
    size_t Room() const
    {
        return CAPACITY - used_;
    }

    /* Returns the number of open requests. */
    size_t Size() const
    {
        return used_;
    }

    /* Adds a request and returns its name. Room() must not be 0. */
    uint32_t Add(const IpcMsg *message);
    /* Returns the message of this name, or nullptr. */
    const IpcMsg *Find(uint32_t name) const;
    /* Removes a name, which must exist. */
    void Remove(uint32_t name);

  private:
    struct Slot {
        const IpcMsg *message; /* nullptr: the slot is free */
        uint32_t generation;   /* 1 to GENERATIONS - 1 */
        uint32_t next;         /* of a free slot: the next free one, or NONE */
    };

    static constexpr uint32_t SLOT_BITS = 22;
    static constexpr uint32_t GENERATIONS = 1U << (32 - SLOT_BITS);
    static constexpr uint32_t NONE = UINT32_MAX;

    std::vector<Slot> slots_;
    uint32_t free_ = NONE;
    size_t used_ = 0;
};

} // namespace liteipc

#endif
