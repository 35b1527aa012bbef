/* NativeDevice: facts that need no exchange with the domain. */
#include <cerrno>

#include "addon/arguments.h"
#include "addon/device_object.h"

namespace liteipc
{

Napi::Value DeviceObject::Query(const Napi::CallbackInfo &info)
{
    uint32_t taskID = CheckUint32(info[0], "taskId");
    RequireOpen(info.Env());
    LiteIpcTaskInfo task = {};
    if (LiteIpcTaskQuery(attached_.device, taskID, &task) != 0) {
        return info.Env().Undefined();
    }
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("taskId", task.taskID);
    result.Set("generation", task.generation);
    result.Set("processId", task.processID);
    result.Set("processGeneration", task.processGeneration);
    result.Set("pid", task.pid);
    result.Set("uid", task.uid);
    result.Set("gid", task.gid);
    result.Set("alive", task.alive);
    return result;
}

Napi::Value DeviceObject::HasAccess(const Napi::CallbackInfo &info)
{
    uint32_t handle = CheckUint32(info[0], "handle");
    RequireOpen(info.Env());
    return Napi::Boolean::New(info.Env(), LiteIpcHasAccess(attached_.device, handle));
}

Napi::Value DeviceObject::Revocations(const Napi::CallbackInfo &info)
{
    uint32_t taskID = CheckUint32(info[0], "task");
    RequireOpen(info.Env());
    return Napi::Number::New(info.Env(), LiteIpcRevocations(attached_.device, taskID));
}

Napi::Value DeviceObject::CallerStatus(const Napi::CallbackInfo &info)
{
    uint32_t taskID = CheckUint32(info[0], "task");
    uint32_t callerTaskID = CheckUint32(info[1], "callerTask");
    uint32_t callerGeneration = CheckUint32(info[2], "callerGeneration");
    uint32_t revocations = CheckUint32(info[3], "revocations");
    RequireOpen(info.Env());
    if (tasks_.Find(taskID) == nullptr) {
        return Napi::Number::New(info.Env(), -EINVAL);
    }
    return Napi::Number::New(info.Env(), LiteIpcCallerStatus(attached_.device, taskID, callerTaskID,
                                                             callerGeneration, revocations));
}

Napi::Value DeviceObject::Statistics(const Napi::CallbackInfo &info)
{
    Napi::Env env = info.Env();
    uint32_t taskID = CheckUint32(info[0], "task");
    RequireOpen(env);
    const LiteIpcTask *task = tasks_.Find(taskID);
    if (task == nullptr) {
        return env.Undefined();
    }
    LiteIpcTaskStatistics counted = {};
    LiteIpcTaskCount(task, &counted);
    size_t poolNodes = 0;
    size_t poolBytes = 0;
    LiteIpcPoolCount(attached_.device, &poolNodes, &poolBytes);
    Napi::Object result = Napi::Object::New(env);
    auto number = [&env](uint64_t value) {
        return Napi::Number::New(env, static_cast<double>(value));
    };
    result.Set("received", number(counted.received));
    result.Set("queued", number(counted.queued));
    result.Set("waitingLanes", number(counted.waitingLanes));
    Napi::Array dropped = Napi::Array::New(env, IPC_DROP_NUM);
    for (uint32_t reason = 0; reason < IPC_DROP_NUM; reason++) {
        dropped.Set(reason, number(counted.dropped[reason]));
    }
    result.Set("dropped", dropped);
    result.Set("poolMessages", number(poolNodes));
    result.Set("poolBytes", number(poolBytes));
    result.Set("poolSize", number(LiteIpcPoolSize(attached_.device)));
    return result;
}

Napi::Value DeviceObject::Counters(const Napi::CallbackInfo &info)
{
    RequireOpen(info.Env());
    LiteIpcThreadCounters thread = {};
    LiteIpcThreadCount(attached_.thread, &thread);
    size_t poolNodes = 0;
    size_t poolBytes = 0;
    LiteIpcPoolCount(attached_.device, &poolNodes, &poolBytes);
    Napi::Object result = Napi::Object::New(info.Env());
    auto set = [&result, &info](const char *name, uint64_t value) {
        result.Set(name, Napi::Number::New(info.Env(), static_cast<double>(value)));
    };
    set("sent", thread.sent);
    set("received", thread.received);
    set("dropped", thread.dropped);
    set("malformed", thread.malformed);
    set("bellsRung", thread.bellsRung);
    set("sleeps", thread.sleeps);
    set("spinsHit", thread.spinsHit);
    set("spinsMissed", thread.spinsMissed);
    set("lanesIn", thread.lanesIn);
    set("lanesOut", thread.lanesOut);
    set("lanesClosedForGarbage", thread.lanesClosedForGarbage);
    set("pendingCalls", thread.pendingCalls);
    set("openRequests", requests_.Size());
    set("poolNodes", poolNodes);
    set("poolBytes", poolBytes);
    return result;
}

} // namespace liteipc
