/*
 * Moves one batch of events from the core to JavaScript: takes the events, copies them from the
 * pool into the shared buffers, and frees what JavaScript has no further use for.
 */
#ifndef LITEIPC_ADDON_EVENT_BATCH_H
#define LITEIPC_ADDON_EVENT_BATCH_H

#include <cstddef>
#include <cstdint>

#include <napi.h>

#include "addon/arrived_descriptors.h"
#include "addon/contract.h"
#include "addon/request_table.h"
#include "addon/shared_buffers.h"
#include "addon/task_table.h"
#include "liteipc/liteipc.h"

namespace liteipc
{

/* The data of a control request's userData. */
struct ControlTag {
    uint32_t operation; /* of namespace ControlOperation */
    uint32_t taskID;    /* the calling task, less than 2^24 */
    uint32_t userData;  /* chosen by JavaScript */

    uint64_t Pack() const
    {
        return (uint64_t{operation} << 56) | (uint64_t{taskID} << 32) | userData;
    }

    static ControlTag Unpack(uint64_t packed)
    {
        return {static_cast<uint32_t>(packed >> 56), static_cast<uint32_t>(packed >> 32) & 0xFFFFFF,
                static_cast<uint32_t>(packed)};
    }
};

class EventBatch
{
  public:
    EventBatch(LiteIpcThread *thread, const SharedBuffers &buffers, RequestTable &requests,
               TaskTable &tasks, ArrivedDescriptors &arrived)
        : thread_(thread), buffers_(buffers), requests_(requests), tasks_(tasks), arrived_(arrived)
    {
    }

    /*
     * Takes events until there are none or the batch is full. The buffers must be attached. Runs no
     * JavaScript. Returns the number of events written.
     */
    size_t Take(napi_env env);

    /*
     * Returns the number of Uint8Arrays that Take made for messages too large for the inbox. They
     * belong to the caller's scope.
     */
    size_t LargeCount() const
    {
        return largeCount_;
    }
    const napi_value *Large() const
    {
        return large_;
    }

    /*
     * Returns the number of Uint32Arrays that Take made for objects. They belong to the caller's
     * scope.
     */
    size_t ObjectsCount() const
    {
        return objectsCount_;
    }
    const napi_value *Objects() const
    {
        return objects_;
    }

    /* Returns whether the domain is gone. This batch is then the last one. */
    bool Lost() const
    {
        return lost_;
    }

  private:
    void Write(napi_env env, const LiteIpcEvent &event, uint32_t *words);
    void WriteMessage(napi_env env, const LiteIpcEvent &event, uint32_t *words);
    void WriteControl(const LiteIpcEvent &event, uint32_t *words);
    void CopyData(napi_env env, const IpcMsg *message, uint32_t *words);
    void CopyObjects(napi_env env, const IpcMsg *message, uint32_t *words);

    LiteIpcThread *thread_;
    const SharedBuffers &buffers_;
    RequestTable &requests_;
    TaskTable &tasks_;
    ArrivedDescriptors &arrived_;
    size_t inboxUsed_ = 0; /* bytes, a multiple of 8 */
    size_t largeCount_ = 0;
    napi_value large_[EVENTS_PER_BATCH];
    size_t objectsCount_ = 0;
    napi_value objects_[EVENTS_PER_BATCH];
    bool lost_ = false;
};

} // namespace liteipc

#endif
