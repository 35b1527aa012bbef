#include "addon/descriptor_object.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addon/arguments.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "platform/discard.h"

namespace liteipc
{

Napi::Function DescriptorObject::Define(Napi::Env env)
{
    return DefineClass(env, "NativeDescriptor",
                       {
                           InstanceAccessor<&DescriptorObject::Number>("fd"),
                           InstanceMethod<&DescriptorObject::Close>("close"),
                           InstanceMethod<&DescriptorObject::Release>("release"),
                       });
}

DescriptorObject::DescriptorObject(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<DescriptorObject>(info)
{
    descriptor_ = std::exchange(Environment::Of(info.Env()).descriptorToWrap, -1);
    if (descriptor_ < 0) {
        throw Napi::TypeError::New(info.Env(), "a descriptor comes from adopt, "
                                               "duplicateDescriptor or the like");
    }
}

/*
 * Runs when the object is collected, or with its environment. Does not wait for the other side of
 * the descriptor.
 */
DescriptorObject::~DescriptorObject()
{
    DescriptorDiscard(descriptor_);
}

Napi::Object DescriptorObject::Make(Napi::Env env, int descriptor)
{
    Environment &environment = Environment::Of(env);
    environment.descriptorToWrap = descriptor;
    try {
        return environment.descriptorClass.New({});
    } catch (...) {
        /* The constructor took it already, or never ran. */
        DescriptorDiscard(std::exchange(environment.descriptorToWrap, -1));
        throw;
    }
}

Napi::Value DescriptorObject::Duplicate(const Napi::CallbackInfo &info)
{
    uint32_t number = CheckUint32(info[0], "fd", INT32_MAX);
    int copy = fcntl(static_cast<int>(number), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        int status = -errno;
        throw MakeError(info.Env(), status,
                        status == -EBADF ? "descriptor " + std::to_string(number) + " is not open"
                                         : "this process has no room for another descriptor");
    }
    return Make(info.Env(), copy);
}

Napi::Value DescriptorObject::SocketPair(const Napi::CallbackInfo &info)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        throw MakeError(info.Env(), -errno, "this process has no room for another socket pair");
    }
    Napi::Array pair = Napi::Array::New(info.Env(), 2);
    try {
        pair.Set(0U, Make(info.Env(), std::exchange(ends[0], -1)));
        pair.Set(1U, Make(info.Env(), std::exchange(ends[1], -1)));
    } catch (...) {
        DescriptorDiscard(ends[1]);
        throw;
    }
    return pair;
}

Napi::Value DescriptorObject::Number(const Napi::CallbackInfo &info)
{
    return Napi::Number::New(info.Env(), descriptor_);
}

void DescriptorObject::Close(const Napi::CallbackInfo &)
{
    DescriptorDiscard(std::exchange(descriptor_, -1));
}

Napi::Value DescriptorObject::Release(const Napi::CallbackInfo &info)
{
    return Napi::Number::New(info.Env(), std::exchange(descriptor_, -1));
}

} // namespace liteipc
