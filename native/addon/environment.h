/*
 * Holds the addon's state of one Node environment (the main thread or a worker): its classes, and
 * everything that has to end before the environment does. There is no static state.
 *
 * At the end of an environment one asynchronous hook closes every device, waits until all handles,
 * devices and background jobs are gone, stops the domains, and then lets the environment continue.
 * (process.exit and a crash run no hooks: the domain notices the end of a process by itself.)
 */
#ifndef LITEIPC_ADDON_ENVIRONMENT_H
#define LITEIPC_ADDON_ENVIRONMENT_H

#include <cstddef>
#include <memory>
#include <unordered_set>

#include <napi.h>

#include "liteipc/liteipc.h"

namespace liteipc
{

struct AttachedDevice;
class DeviceObject;
class DomainObject;
struct MappingToWrap;
struct OpenMemoryFile;

class Environment
{
  public:
    explicit Environment(Napi::Env env);
    static Environment &Of(Napi::Env env);

    /* Returns whether JavaScript cannot be called any more. */
    bool TearingDown() const
    {
        return hookCalled_;
    }

    void AddDevice(DeviceObject *device);
    void RemoveDevice(DeviceObject *device);
    void AddDomain(DomainObject *domain);
    void RemoveDomain(DomainObject *domain);
    /* Counts a job on libuv's thread pool that uses the core. */
    void JobStarted();
    void JobEnded();

    Napi::FunctionReference deviceClass;
    Napi::FunctionReference domainClass;
    Napi::FunctionReference descriptorClass;
    Napi::FunctionReference memoryFileClass;
    Napi::FunctionReference mappingClass;
    /*
     * The object that the class being called has to wrap; its constructor takes it. JavaScript can
     * call the classes as well, but then nothing is set here.
     */
    const AttachedDevice *deviceToWrap = nullptr;
    LiteIpcDomain *domainToWrap = nullptr;
    int descriptorToWrap = -1;
    std::shared_ptr<OpenMemoryFile> memoryFileToWrap;
    const MappingToWrap *mappingToWrap = nullptr;

  private:
    static void OnCleanup(napi_async_cleanup_hook_handle hook, void *environment);
    void FinishWhenIdle();

    std::unordered_set<DeviceObject *> devices_;
    std::unordered_set<DomainObject *> domains_;
    size_t jobs_ = 0;
    bool hookCalled_ = false;
    napi_async_cleanup_hook_handle hook_ = nullptr;
};

} // namespace liteipc

#endif
