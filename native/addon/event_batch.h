/*
 * One batch of events on its way from the core to JavaScript: taken, copied out of the pool into
 * the shared buffers, and what JavaScript has no further use for given back.
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

/* What goes through the core as a control request's userData. */
struct ControlTag {
    uint32_t operation; /* of namespace ControlOperation */
    uint32_t taskID;    /* the calling task, less than 2^24 */
    uint32_t userData;  /* JavaScript's */

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
     * Takes events until there are none or the batch is full; the buffers must not be detached.
     * Runs no JavaScript. Returns how many events were written.
     */
    size_t Take(napi_env env);

    /* What Take made for messages too large for the inbox: Uint8Arrays of the caller's scope. */
    size_t LargeCount() const
    {
        return largeCount_;
    }
    const napi_value *Large() const
    {
        return large_;
    }

    /* What Take made of objects: Uint32Arrays of the caller's scope. */
    size_t ObjectsCount() const
    {
        return objectsCount_;
    }
    const napi_value *Objects() const
    {
        return objects_;
    }

    /* The domain is gone: this was the last batch. */
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
