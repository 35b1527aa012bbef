/*
 * Implements NativeDevice of types/native.d.ts: an opened device with its call task, on one JS
 * thread.
 *
 * An open device references itself strongly, so it is never collected while messages may come.
 * States:
 *
 *   OPEN     close(), the end of the environment or a misuse ends it
 *   CLOSING  the libuv handles are being closed. Then thread and process are released, on libuv's
 *            thread pool or, at the end of the environment, synchronously
 *   CLOSED   only the JavaScript object remains
 */
#ifndef LITEIPC_ADDON_DEVICE_OBJECT_H
#define LITEIPC_ADDON_DEVICE_OBJECT_H

#include <optional>

#include <napi.h>

#include "addon/arrived_descriptors.h"
#include "addon/attached_device.h"
#include "addon/event_loop.h"
#include "addon/outgoing_objects.h"
#include "addon/request_table.h"
#include "addon/shared_buffers.h"
#include "addon/task_table.h"

namespace liteipc
{

class EventBatch;

class DeviceObject : public Napi::ObjectWrap<DeviceObject>, private EventLoop::Client
{
  public:
    static Napi::Function Define(Napi::Env env);
    /* Takes ownership of what is attached, unless it throws. Defined in device_lifetime.cc. */
    static Napi::Object Make(Napi::Env env, AttachedDevice *attached, Napi::Function onEvents);

    /* Only for Make: wraps Environment::deviceToWrap. */
    explicit DeviceObject(const Napi::CallbackInfo &info);

    /*
     * Begins to close. The device calls RemoveDevice of the environment when everything is
     * released. Idempotent. Defined in device_lifetime.cc.
     */
    void CloseHandles();

  private:
    friend class ReleaseJob;
    enum class State { OPEN, CLOSING, CLOSED };

    Napi::Value SendRequest(const Napi::CallbackInfo &info);
    Napi::Value SendReply(const Napi::CallbackInfo &info);
    Napi::Value FreeRequest(const Napi::CallbackInfo &info);
    Napi::Value Adopt(const Napi::CallbackInfo &info);
    Napi::Value CancelCall(const Napi::CallbackInfo &info);
    Napi::Value Control(const Napi::CallbackInfo &info);

    /* defined in device_facts.cc */
    Napi::Value Query(const Napi::CallbackInfo &info);
    Napi::Value HasAccess(const Napi::CallbackInfo &info);
    Napi::Value Revocations(const Napi::CallbackInfo &info);
    Napi::Value CallerStatus(const Napi::CallbackInfo &info);
    Napi::Value Counters(const Napi::CallbackInfo &info);
    Napi::Value Statistics(const Napi::CallbackInfo &info);

    void RefLoop(const Napi::CallbackInfo &info);
    void UnrefLoop(const Napi::CallbackInfo &info);
    void SetSpin(const Napi::CallbackInfo &info);

    /* defined in device_trace.cc */
    void StartTrace(const Napi::CallbackInfo &info);
    void StopTrace(const Napi::CallbackInfo &info);
    Napi::Value ReadTrace(const Napi::CallbackInfo &info);

    /* Throws ENODEV if the device is not open. */
    void RequireOpen(Napi::Env env) const;
    /* Throws EFAULT if the shared buffers were transferred away. */
    void RequireBuffers(Napi::Env env) const;
    int ReadOutgoing(const Napi::CallbackInfo &info, LiteIpcOutgoing *out);
    int ReadData(const Napi::CallbackInfo &info, LiteIpcOutgoing *out) const;
    int FreeByName(uint32_t name);

    /* defined in device_events.cc */
    void OnWork() override;
    bool DeliverBatch();
    void StoreIn(const Napi::ObjectReference &list, const napi_value *values, size_t count);
    void Empty(const Napi::ObjectReference &list, size_t count);
    bool CallOnEvents(const EventBatch &batch, size_t count);
    bool ReportException();

    /* defined in device_lifetime.cc */
    Napi::Value Close(const Napi::CallbackInfo &info);
    void OnHandlesClosed() override;
    void Finish();

    State state_ = State::CLOSED; /* until Make has succeeded */
    AttachedDevice attached_;
    EventLoop loop_;
    TaskTable tasks_;
    RequestTable requests_;
    SharedBuffers buffers_;
    OutgoingObjects outgoingObjects_;
    ArrivedDescriptors arrived_;
    Napi::FunctionReference onEvents_;
    Napi::ObjectReference large_;
    Napi::ObjectReference objects_;
    napi_async_context asyncContext_ = nullptr;
    std::optional<Napi::Promise::Deferred> closing_;
    Napi::ObjectReference closePromise_;
};

} // namespace liteipc

#endif
