#include "addon/domain_object.h"

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "addon/arguments.h"
#include "addon/environment.h"
#include "addon/errors.h"

namespace liteipc
{

namespace
{

constexpr uint32_t SOCKET_MODE_MAX = 0777;
constexpr uint32_t SOCKET_GID_UNCHANGED = UINT32_MAX;

struct Options {
    std::string name;
    uint32_t profile = LITEIPC_PROFILE_HOST;
    uint32_t socketMode = 0;
    uint32_t socketGid = SOCKET_GID_UNCHANGED;
    std::optional<std::vector<uint32_t>> managerUids;
    std::optional<std::string> managerProgram;
};

Options CheckOptions(const Napi::Value &value)
{
    Napi::Object object = CheckObject(value, "options");
    Options options;
    options.name = CheckText(object.Get("name"), "options.name");
    Napi::Value profile = object.Get("profile");
    if (!profile.IsUndefined()) {
        options.profile = CheckUint32(profile, "options.profile", LITEIPC_PROFILE_LITEOS_A);
    }
    Napi::Value socketMode = object.Get("socketMode");
    if (!socketMode.IsUndefined()) {
        options.socketMode = CheckUint32(socketMode, "options.socketMode", SOCKET_MODE_MAX);
    }
    Napi::Value socketGid = object.Get("socketGid");
    if (!socketGid.IsUndefined()) {
        options.socketGid = CheckUint32(socketGid, "options.socketGid", SOCKET_GID_UNCHANGED - 1);
    }
    Napi::Value managerUids = object.Get("managerUids");
    if (!managerUids.IsUndefined()) {
        options.managerUids = CheckUint32List(managerUids, "options.managerUids");
    }
    Napi::Value managerProgram = object.Get("managerProgram");
    if (!managerProgram.IsUndefined()) {
        options.managerProgram = CheckText(managerProgram, "options.managerProgram");
    }
    return options;
}

} // namespace

Napi::Function DomainObject::Define(Napi::Env env)
{
    return DefineClass(env, "NativeDomain",
                       {
                           InstanceMethod<&DomainObject::Counters>("counters"),
                           InstanceMethod<&DomainObject::Stop>("stop"),
                       });
}

Napi::Value DomainObject::Start(const Napi::CallbackInfo &info)
{
    Napi::Env env = info.Env();
    Options options = CheckOptions(info[0]);
    LiteIpcDomainOptions native = {};
    native.name = options.name.c_str();
    native.profile = static_cast<LiteIpcProfile>(options.profile);
    native.socketMode = options.socketMode;
    native.socketGid = options.socketGid;
    const uint32_t nobody = 0;
    if (options.managerUids) {
        /* Not NULL even if the list is empty, which admits nobody. */
        native.cmsUids = options.managerUids->empty() ? &nobody : options.managerUids->data();
        native.cmsUidCount = options.managerUids->size();
    }
    if (options.managerProgram) {
        native.cmsProgram = options.managerProgram->c_str();
    }

    LiteIpcDomain *domain = nullptr;
    int status = LiteIpcDomainStart(&native, &domain);
    if (status != 0) {
        throw DomainStartError(env, status, options.name);
    }
    Environment &environment = Environment::Of(env);
    environment.domainToWrap = domain;
    try {
        return environment.domainClass.New({});
    } catch (...) {
        environment.domainToWrap = nullptr;
        LiteIpcDomainStop(domain);
        throw;
    }
}

DomainObject::DomainObject(const Napi::CallbackInfo &info) : Napi::ObjectWrap<DomainObject>(info)
{
    Environment &environment = Environment::Of(info.Env());
    LiteIpcDomain *domain = std::exchange(environment.domainToWrap, nullptr);
    if (domain == nullptr) {
        throw Napi::TypeError::New(info.Env(), "a domain is made by startDomain");
    }
    info.This().As<Napi::Object>().DefineProperty(Napi::PropertyDescriptor::Value(
        "path", Napi::String::New(info.Env(), LiteIpcDomainPath(domain)), napi_enumerable));
    environment.AddDomain(this);
    domain_ = domain; /* last: if anything before throws, Start still owns the domain */
}

DomainObject::~DomainObject()
{
    StopDomain();
}

void DomainObject::StopDomain()
{
    if (domain_ == nullptr) {
        return;
    }
    LiteIpcDomainStop(domain_);
    domain_ = nullptr;
    Environment::Of(Env()).RemoveDomain(this);
}

Napi::Value DomainObject::Counters(const Napi::CallbackInfo &info)
{
    if (domain_ == nullptr) {
        throw MakeError(info.Env(), -ENODEV, "the domain is stopped");
    }
    LiteIpcDomainCounters counters = {};
    LiteIpcDomainCount(domain_, &counters);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("processes", counters.processes);
    result.Set("threads", counters.threads);
    result.Set("tasks", counters.tasks);
    result.Set("lanes", counters.lanes);
    result.Set("parkedRequests", counters.parkedRequests);
    return result;
}

void DomainObject::Stop(const Napi::CallbackInfo &)
{
    StopDomain();
}

} // namespace liteipc
