/*
 * Implements the methods of NativeDevice. Events: device_events.cc, trace: device_trace.cc,
 * creation and release: device_lifetime.cc.
 */
#include "addon/device_object.h"

#include <cerrno>

#include "addon/arguments.h"
#include "addon/contract.h"
#include "addon/descriptor_object.h"
#include "addon/errors.h"
#include "addon/event_batch.h"

namespace liteipc
{

Napi::Function DeviceObject::Define(Napi::Env env)
{
    return DefineClass(env, "NativeDevice",
                       {
                           InstanceMethod<&DeviceObject::SendRequest>("sendRequest"),
                           InstanceMethod<&DeviceObject::SendReply>("sendReply"),
                           InstanceMethod<&DeviceObject::FreeRequest>("free"),
                           InstanceMethod<&DeviceObject::Adopt>("adopt"),
                           InstanceMethod<&DeviceObject::CancelCall>("cancel"),
                           InstanceMethod<&DeviceObject::Control>("control"),
                           InstanceMethod<&DeviceObject::Query>("query"),
                           InstanceMethod<&DeviceObject::HasAccess>("hasAccess"),
                           InstanceMethod<&DeviceObject::Revocations>("revocations"),
                           InstanceMethod<&DeviceObject::CallerStatus>("callerStatus"),
                           InstanceMethod<&DeviceObject::Statistics>("statistics"),
                           InstanceMethod<&DeviceObject::Counters>("counters"),
                           InstanceMethod<&DeviceObject::RefLoop>("ref"),
                           InstanceMethod<&DeviceObject::UnrefLoop>("unref"),
                           InstanceMethod<&DeviceObject::SetSpin>("setSpin"),
                           InstanceMethod<&DeviceObject::StartTrace>("startTrace"),
                           InstanceMethod<&DeviceObject::StopTrace>("stopTrace"),
                           InstanceMethod<&DeviceObject::ReadTrace>("readTrace"),
                           InstanceMethod<&DeviceObject::Close>("close"),
                       });
}

void DeviceObject::RequireOpen(Napi::Env env) const
{
    if (state_ != State::OPEN) {
        throw MakeError(env, -ENODEV, "the device is closed");
    }
}

void DeviceObject::RequireBuffers(Napi::Env env) const
{
    if (buffers_.Detached()) {
        throw MakeError(env, -EFAULT,
                        "the memory of the device's outgoing, outbox, incoming and "
                        "inbox was transferred away: close the device");
    }
}

/*
 * Reads the words of an outgoing message. Returns 0, -EMSGSIZE or -EINVAL. Each word is read once,
 * so that the checked value is the used value.
 */
int DeviceObject::ReadOutgoing(const Napi::CallbackInfo &info, LiteIpcOutgoing *out)
{
    int status = ReadData(info, out);
    if (status == 0 && info.Length() > 1 && !info[1].IsUndefined()) {
        status = outgoingObjects_.Put(info[1], LiteIpcDataLimit(attached_.device), out);
    }
    return status;
}

int DeviceObject::ReadData(const Napi::CallbackInfo &info, LiteIpcOutgoing *out) const
{
    const uint32_t *words = buffers_.OutgoingWords();
    *out = {};
    out->handle = words[Outgoing::Handle];
    out->generation = words[Outgoing::Generation];
    out->token = words[Outgoing::Token];
    out->cookie = words[Outgoing::Cookie];
    out->code = words[Outgoing::Code];
    out->flag = words[Outgoing::Flag];
    out->deadlineMs = words[Outgoing::DeadlineMs];

    if (info.Length() > 0 && !info[0].IsUndefined()) {
        Bytes bytes = CheckBytes(info[0], "data");
        if (bytes.size > LiteIpcDataLimit(attached_.device)) {
            return -EMSGSIZE;
        }
        out->dataSz = static_cast<uint32_t>(bytes.size);
        out->data = bytes.data;
        return 0;
    }
    size_t start = words[Outgoing::DataStart];
    size_t size = words[Outgoing::DataSize];
    if (size > LiteIpcDataLimit(attached_.device)) {
        return -EMSGSIZE;
    }
    if (start > buffers_.OutboxSize() || size > buffers_.OutboxSize() - start) {
        return -EINVAL;
    }
    out->dataSz = static_cast<uint32_t>(size);
    out->data = buffers_.Outbox() + start;
    return 0;
}

Napi::Value DeviceObject::SendRequest(const Napi::CallbackInfo &info)
{
    RequireOpen(info.Env());
    RequireBuffers(info.Env());
    LiteIpcOutgoing out;
    int status = ReadOutgoing(info, &out);
    uint32_t *words = buffers_.OutgoingWords();
    LiteIpcTask *task = tasks_.Find(words[Outgoing::Task]);
    if (status == 0 && task == nullptr) {
        status = -EINVAL;
    }
    if (status == 0) {
        uint32_t callID = 0;
        status = LiteIpcSendRequest(task, &out, words[Outgoing::UserData], &callID);
        words[Outgoing::CallId] = callID;
    }
    return Napi::Number::New(info.Env(), status);
}

Napi::Value DeviceObject::SendReply(const Napi::CallbackInfo &info)
{
    RequireOpen(info.Env());
    RequireBuffers(info.Env());
    LiteIpcOutgoing out;
    int status = ReadOutgoing(info, &out);
    const uint32_t *words = buffers_.OutgoingWords();
    uint32_t name = words[Outgoing::Request];
    const IpcMsg *request = requests_.Find(name);
    LiteIpcTask *task = tasks_.Find(words[Outgoing::Task]);
    if (request == nullptr) {
        return Napi::Number::New(info.Env(), -EINVAL);
    }
    if (status == 0 && task == nullptr) {
        status = -EINVAL;
    }
    bool withObjects = info.Length() > 1 && !info[1].IsUndefined();
    if (status != 0) {
        if (!withObjects) {
            FreeByName(name); /* as the core does with a reply that cannot be sent */
        }
        return Napi::Number::New(info.Env(), status);
    }
    out.failed = words[Outgoing::Flag] != 0;
    status = LiteIpcSendReply(task, request, &out);
    bool stays = status == -EINPROGRESS || status == -ENOMEM || (status != 0 && out.spObjNum > 0);
    if (!stays) {
        requests_.Remove(name);
    }
    return Napi::Number::New(info.Env(), status);
}

int DeviceObject::FreeByName(uint32_t name)
{
    const IpcMsg *request = requests_.Find(name);
    if (request == nullptr) {
        return -EINVAL;
    }
    requests_.Remove(name);
    return LiteIpcFree(attached_.thread, request);
}

Napi::Value DeviceObject::FreeRequest(const Napi::CallbackInfo &info)
{
    uint32_t name = CheckUint32(info[0], "request");
    RequireOpen(info.Env());
    return Napi::Number::New(info.Env(), FreeByName(name));
}

Napi::Value DeviceObject::Adopt(const Napi::CallbackInfo &info)
{
    uint32_t descriptor = CheckUint32(info[0], "fd", INT32_MAX);
    if (!arrived_.Take(static_cast<int>(descriptor))) {
        throw MakeError(info.Env(), -EBADF,
                        "descriptor " + std::to_string(descriptor) +
                            " did not come with the events that are being handled, or was adopted");
    }
    return DescriptorObject::Make(info.Env(), static_cast<int>(descriptor));
}

Napi::Value DeviceObject::CancelCall(const Napi::CallbackInfo &info)
{
    uint32_t callID = CheckUint32(info[0], "callId");
    RequireOpen(info.Env());
    return Napi::Number::New(info.Env(), LiteIpcCancelCall(attached_.callTask, callID));
}

Napi::Value DeviceObject::Control(const Napi::CallbackInfo &info)
{
    uint32_t operation = CheckUint32(info[0], "operation", ControlOperation::RemoveAccess);
    uint32_t taskID = CheckUint32(info[1], "task");
    LiteIpcControlRequest request = {};
    request.operation = static_cast<LiteIpcControlOperation>(operation);
    request.value0 = CheckUint32(info[2], "value0");
    request.value1 = CheckUint32(info[3], "value1");
    request.value2 = CheckUint32(info[4], "value2");
    request.value3 = CheckUint32(info[5], "value3");
    uint32_t userData = CheckUint32(info[6], "userData");
    RequireOpen(info.Env());

    if (operation != ControlOperation::TaskCreate) {
        request.task = tasks_.Find(taskID);
        bool ownTask = request.task == attached_.callTask;
        if (request.task == nullptr || (operation == ControlOperation::TaskExit && ownTask)) {
            return Napi::Number::New(info.Env(), -EINVAL);
        }
    }
    ControlTag tag = {operation, request.task == nullptr ? 0 : taskID, userData};
    int status = LiteIpcControlStart(attached_.thread, &request, tag.Pack());
    if (status == 0 && operation == ControlOperation::TaskExit) {
        tasks_.SetEnding(taskID, true); /* the task may be gone before its event is read */
    }
    return Napi::Number::New(info.Env(), status);
}

void DeviceObject::RefLoop(const Napi::CallbackInfo &info)
{
    RequireOpen(info.Env());
    loop_.Ref();
}

void DeviceObject::UnrefLoop(const Napi::CallbackInfo &info)
{
    RequireOpen(info.Env());
    loop_.Unref();
}

void DeviceObject::SetSpin(const Napi::CallbackInfo &info)
{
    uint32_t limitNs = CheckUint32(info[0], "limitNs");
    RequireOpen(info.Env());
    loop_.SetSpin(limitNs);
}

} // namespace liteipc
