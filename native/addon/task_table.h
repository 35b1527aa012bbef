/*
 * The tasks of a device by their IDs, which are small numbers. Used by its JS thread alone.
 */
#ifndef LITEIPC_ADDON_TASK_TABLE_H
#define LITEIPC_ADDON_TASK_TABLE_H

#include <cstdint>
#include <vector>

#include "device/liteipc.h"

namespace liteipc
{

class TaskTable
{
  public:
    void Add(LiteIpcTask *task)
    {
        uint32_t taskID = LiteIpcTaskID(task);
        if (taskID >= tasks_.size()) {
            tasks_.resize(size_t{taskID} + 1, nullptr);
        }
        tasks_[taskID] = task;
    }

    void Remove(uint32_t taskID)
    {
        if (taskID < tasks_.size()) {
            tasks_[taskID] = nullptr;
        }
    }

    /* nullptr if there is none. */
    LiteIpcTask *Find(uint32_t taskID) const
    {
        return taskID < tasks_.size() ? tasks_[taskID] : nullptr;
    }

  private:
    std::vector<LiteIpcTask *> tasks_;
};

} // namespace liteipc

#endif
