/*
 * The tasks of a device, by ID for what goes out and by address for what comes in. Used by its JS
 * thread alone.
 *
 * A task that is to end is not found by its ID any more, but keeps its entry until the event that
 * says so: events for it may come before. The core may have freed the task by the time that they
 * are read, so nothing here looks into it.
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

    /* nullptr if there is none, or if it is to end. */
    LiteIpcTask *Find(uint32_t taskID) const
    {
        auto entry = byID_.find(taskID);
        return entry == byID_.end() || entry->second.ending ? nullptr : entry->second.task;
    }

    /* 0 if it is none of ours. */
    uint32_t IdOf(const LiteIpcTask *task) const
    {
        auto entry = byAddress_.find(task);
        return entry == byAddress_.end() ? 0 : entry->second;
    }

    /* Its end was asked for (true), or could not be had (false). It must be there. */
    void SetEnding(uint32_t taskID, bool ending)
    {
        byID_[taskID].ending = ending;
    }

    /* The event says that it has ended. It must be there. */
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
