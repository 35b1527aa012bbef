/*
 * Holds the tasks of a device, by ID for outgoing messages and by address for incoming ones. Used
 * only by its JS thread.
 *
 * A task that is ending is not found by its ID. Its entry remains until the event that reports its
 * end, because events for it may come before. The core may have freed the task when these are read,
 * so nothing here dereferences it.
 */
#ifndef LITEIPC_ADDON_TASK_TABLE_H
#define LITEIPC_ADDON_TASK_TABLE_H

#include <cstdint>
#include <unordered_map>

#include "liteipc/liteipc.h"

namespace liteipc
{

class TaskTable
{
  public:
    void Add(LiteIpcTask *task, uint32_t taskID)
    {
        byID_[taskID] = {task, false};
        byAddress_[task] = taskID;
    }

    /* Returns nullptr if there is no such task, or if it is ending. */
    LiteIpcTask *Find(uint32_t taskID) const
    {
        auto entry = byID_.find(taskID);
        return entry == byID_.end() || entry->second.ending ? nullptr : entry->second.task;
    }

    /* Returns 0 if the task does not belong to the device. */
    uint32_t IdOf(const LiteIpcTask *task) const
    {
        auto entry = byAddress_.find(task);
        return entry == byAddress_.end() ? 0 : entry->second;
    }

    /*
     * Marks a task as ending (true), or as alive again because its end failed (false). The task
     * must exist.
     */
    void SetEnding(uint32_t taskID, bool ending)
    {
        byID_[taskID].ending = ending;
    }

    /* Removes a task after the event that reports its end. The task must exist. */
    void Remove(uint32_t taskID)
    {
        byAddress_.erase(byID_[taskID].task);
        byID_.erase(taskID);
    }

  private:
    struct Entry {
        LiteIpcTask *task;
        bool ending;
    };

    std::unordered_map<uint32_t, Entry> byID_;
    std::unordered_map<const LiteIpcTask *, uint32_t> byAddress_;
};

} // namespace liteipc

#endif
