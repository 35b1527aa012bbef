/*
 * The requests that were handed to JavaScript and are neither answered nor freed. JavaScript names
 * one by a 32-bit number, never 0: {generation of the slot: 10 bits, slot: 22 bits}, so that a name
 * that was used up is recognised. Used by the device's JS thread alone.
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

    /* How many more requests have room. */
    size_t Room() const
    {
        return CAPACITY - used_;
    }

    /* How many are open. */
    size_t Size() const
    {
        return used_;
    }

    /* Room() must not be 0. Returns the name. */
    uint32_t Add(const IpcMsg *message);
    /* The message of this name, nullptr if there is none. */
    const IpcMsg *Find(uint32_t name) const;
    /* The name, which must be there, is used up. */
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
