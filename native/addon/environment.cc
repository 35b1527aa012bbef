#include "addon/environment.h"

#include "addon/device_object.h"
#include "addon/domain_object.h"
#include "addon/errors.h"

namespace liteipc
{

Environment::Environment(Napi::Env env)
{
    Check(env, napi_add_async_cleanup_hook(env, OnCleanup, this, &hook_));
}

Environment &Environment::Of(Napi::Env env)
{
    return *env.GetInstanceData<Environment>();
}

void Environment::AddDevice(DeviceObject *device)
{
    devices_.insert(device);
}

void Environment::RemoveDevice(DeviceObject *device)
{
    devices_.erase(device);
    FinishWhenIdle();
}

void Environment::AddDomain(DomainObject *domain)
{
    domains_.insert(domain);
}

void Environment::RemoveDomain(DomainObject *domain)
{
    domains_.erase(domain);
}

void Environment::JobStarted()
{
    jobs_++;
}

void Environment::JobEnded()
{
    jobs_--;
    FinishWhenIdle();
}

void Environment::OnCleanup(napi_async_cleanup_hook_handle hook, void *environment)
{
    Environment *self = static_cast<Environment *>(environment);
    self->hookCalled_ = true;
    self->hook_ = hook;
    for (DeviceObject *device : self->devices_) {
        device->CloseHandles();
    }
    self->FinishWhenIdle();
}

void Environment::FinishWhenIdle()
{
    if (!hookCalled_ || hook_ == nullptr || !devices_.empty() || jobs_ != 0) {
        return;
    }
    while (!domains_.empty()) {
        (*domains_.begin())->StopDomain(); /* removes itself */
    }
    napi_async_cleanup_hook_handle hook = hook_;
    hook_ = nullptr;
    napi_remove_async_cleanup_hook(hook);
}

} // namespace liteipc
