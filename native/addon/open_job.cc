#include "addon/open_job.h"

#include <memory>
#include <string>
#include <utility>

#include "addon/arguments.h"
#include "addon/attached_device.h"
#include "addon/background_job.h"
#include "addon/device_object.h"
#include "addon/environment.h"
#include "addon/errors.h"

namespace liteipc
{

namespace
{

class OpenJob : public BackgroundJob
{
  public:
    OpenJob(Napi::Env env, std::string domain, size_t poolSize, Napi::Function onEvents)
        : deferred_(env), domain_(std::move(domain)), poolSize_(poolSize),
          onEvents_(Napi::Persistent(onEvents))
    {
    }

    ~OpenJob() override
    {
        attached_.Release(); /* unless a device object owns it */
    }

    Napi::Promise Promise() const
    {
        return deferred_.Promise();
    }

  protected:
    void Execute() override
    {
        status_ = attached_.Attach(domain_, poolSize_);
    }

    void Complete(Napi::Env env) override
    {
        if (Environment::Of(env).TearingDown()) {
            return;
        }
        if (status_ != 0) {
            deferred_.Reject(DeviceOpenError(env, status_, domain_).Value());
            return;
        }
        try {
            deferred_.Resolve(DeviceObject::Make(env, &attached_, onEvents_.Value()));
        } catch (const Napi::Error &error) {
            deferred_.Reject(error.Value());
        }
    }

  private:
    Napi::Promise::Deferred deferred_;
    std::string domain_;
    size_t poolSize_; /* bytes, 0 = the domain's default */
    Napi::FunctionReference onEvents_;
    AttachedDevice attached_;
    int status_ = 0;
};

} // namespace

Napi::Value OpenDevice(const Napi::CallbackInfo &info)
{
    Napi::Object options = CheckObject(info[0], "options");
    std::string domain = CheckText(options.Get("domain"), "options.domain");
    Napi::Value poolSize = options.Get("poolSize");
    size_t poolBytes = poolSize.IsUndefined() ? 0 : CheckUint32(poolSize, "options.poolSize");
    Napi::Function onEvents = CheckFunction(options.Get("onEvents"), "options.onEvents");

    auto job = std::make_unique<OpenJob>(info.Env(), std::move(domain), poolBytes, onEvents);
    Napi::Promise promise = job->Promise();
    BackgroundJob::Start(info.Env(), "LiteIpcOpen", std::move(job));
    return promise;
}

} // namespace liteipc
