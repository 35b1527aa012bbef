#include "addon/request_table.h"

namespace liteipc
{

uint32_t RequestTable::Add(const IpcMsg *message)
{
    uint32_t index = free_;
    if (index == NONE) {
        index = static_cast<uint32_t>(slots_.size());
        slots_.push_back({nullptr, 1, NONE});
    } else {
        free_ = slots_[index].next;
    }
    slots_[index].message = message;
    used_++;
    return (slots_[index].generation << SLOT_BITS) | index;
}

const IpcMsg *RequestTable::Find(uint32_t name) const
{
    uint32_t index = name & ((1U << SLOT_BITS) - 1);
    if (index >= slots_.size() || slots_[index].generation != name >> SLOT_BITS) {
        return nullptr;
    }
    return slots_[index].message;
}

void RequestTable::Remove(uint32_t name)
{
    uint32_t index = name & ((1U << SLOT_BITS) - 1);
    Slot &slot = slots_[index];
    slot.message = nullptr;
    slot.generation = slot.generation + 1 < GENERATIONS ? slot.generation + 1 : 1;
    slot.next = free_;
    free_ = index;
    used_--;
}

} // namespace liteipc
