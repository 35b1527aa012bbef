/* NativeDevice: creation and release. */
#include <cerrno>
#include <memory>
#include <utility>

#include "addon/background_job.h"
#include "addon/device_object.h"
#include "addon/environment.h"
#include "addon/errors.h"

namespace liteipc
{

/* Ends thread and process without blocking the event loop. */
class ReleaseJob : public BackgroundJob
{
  public:
    explicit ReleaseJob(DeviceObject *device) : device_(device)
    {
    }

  protected:
    void Execute() override
    {
        device_->attached_.Release();
    }

    void Complete(Napi::Env) override
    {
        device_->Finish();
    }

  private:
    DeviceObject *device_; /* references itself until Finish */
};

namespace
{

void DefineConstant(Napi::Object object, const char *name, uint32_t value)
{
    object.DefineProperty(Napi::PropertyDescriptor::Value(
        name, Napi::Number::New(object.Env(), value), napi_enumerable));
}

} // namespace

DeviceObject::DeviceObject(const Napi::CallbackInfo &info) : Napi::ObjectWrap<DeviceObject>(info)
{
    const AttachedDevice *toWrap = std::exchange(Environment::Of(info.Env()).deviceToWrap, nullptr);
    if (toWrap == nullptr) {
        throw Napi::TypeError::New(info.Env(), "a device is made by openDevice");
    }
    const AttachedDevice &attached = *toWrap;
    Napi::Object self = info.This().As<Napi::Object>();
    uint32_t dataLimit = LiteIpcDataLimit(attached.device);
    DefineConstant(self, "processId", LiteIpcDeviceProcessID(attached.device));
    DefineConstant(self, "callTaskId", LiteIpcTaskID(attached.callTask));
    DefineConstant(self, "callTaskGeneration", LiteIpcTaskGeneration(attached.callTask));
    DefineConstant(self, "dataLimit", dataLimit);
    buffers_.Make(self, dataLimit);
    Napi::Array large = Napi::Array::New(info.Env());
    self.DefineProperty(Napi::PropertyDescriptor::Value("large", large, napi_enumerable));
    large_ = Napi::Persistent(large.As<Napi::Object>());
    Napi::Array objects = Napi::Array::New(info.Env());
    self.DefineProperty(Napi::PropertyDescriptor::Value("objects", objects, napi_enumerable));
    objects_ = Napi::Persistent(objects.As<Napi::Object>());
    tasks_.Add(attached.callTask, LiteIpcTaskID(attached.callTask));
}

Napi::Object DeviceObject::Make(Napi::Env env, AttachedDevice *attached, Napi::Function onEvents)
{
    Environment &environment = Environment::Of(env);
    environment.deviceToWrap = attached;
    Napi::Object object;
    try {
        object = environment.deviceClass.New({});
    } catch (...) {
        environment.deviceToWrap = nullptr;
        throw;
    }
    DeviceObject *device = DeviceObject::Unwrap(object);
    device->onEvents_ = Napi::Persistent(onEvents);

    uv_loop_t *loop = nullptr;
    Check(env, napi_get_uv_event_loop(env, &loop));
    Check(env, napi_async_init(env, object, Napi::String::New(env, "LiteIpcDevice"),
                               &device->asyncContext_));
    int status = device->loop_.Start(loop, attached->thread, device);
    if (status != 0) {
        napi_async_destroy(env, device->asyncContext_);
        throw MakeError(env, status, "cannot watch the device from the event loop");
    }
    device->attached_ = *attached;
    *attached = AttachedDevice();
    device->state_ = State::OPEN;
    device->Ref();
    environment.AddDevice(device);
    return object;
}

Napi::Value DeviceObject::Close(const Napi::CallbackInfo &info)
{
    Napi::Env env = info.Env();
    if (closePromise_.IsEmpty()) {
        Napi::Promise::Deferred deferred(env);
        closePromise_ = Napi::Persistent(deferred.Promise().As<Napi::Object>());
        if (state_ == State::CLOSED) {
            deferred.Resolve(env.Undefined());
        } else {
            closing_ = deferred;
            CloseHandles();
        }
    }
    return closePromise_.Value();
}

void DeviceObject::CloseHandles()
{
    if (state_ == State::OPEN) {
        state_ = State::CLOSING;
        loop_.Close();
    }
}

void DeviceObject::OnHandlesClosed()
{
    if (!Environment::Of(Env()).TearingDown()) {
        try {
            Napi::HandleScope scope(Env());
            BackgroundJob::Start(Env(), "LiteIpcClose", std::make_unique<ReleaseJob>(this));
            return;
        } catch (const Napi::Error &) {
            /* The environment takes no more jobs, so release here. */
        }
    }
    attached_.Release();
    Finish();
}

void DeviceObject::Finish()
{
    Environment &environment = Environment::Of(Env());
    state_ = State::CLOSED;
    napi_async_destroy(Env(), asyncContext_);
    asyncContext_ = nullptr;
    onEvents_.Reset();
    large_.Reset();
    objects_.Reset();
    if (closing_ && !environment.TearingDown()) {
        try {
            closing_->Resolve(Env().Undefined());
        } catch (const Napi::Error &) {
            /* The worker is being terminated, and nothing waits for the promise. */
        }
    }
    closing_.reset();
    environment.RemoveDevice(this);
    Unref(); /* last: the object may be collected from now on */
}

} // namespace liteipc
