/* NativeDevice: its trace. */
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "addon/arguments.h"
#include "addon/contract.h"
#include "addon/device_object.h"
#include "addon/errors.h"

namespace liteipc
{

namespace
{

/* Number of records per chunk, so that few records need little memory. */
constexpr size_t CHUNK = 1024;

/*
 * Takes all records. Returns a negative errno on failure. Ends even if other threads continue
 * recording.
 */
int TakeAll(LiteIpcDevice *device, std::vector<LiteIpcTraceRecord> &records, uint64_t &lost)
{
    size_t taken = 0;
    int count = 0;
    do {
        uint64_t lostNow = 0;
        records.resize(taken + CHUNK);
        count = LiteIpcTraceRead(device, records.data() + taken, CHUNK, &lostNow);
        if (count < 0) {
            return count;
        }
        taken += static_cast<size_t>(count);
        lost += lostNow;
    } while (static_cast<size_t>(count) == CHUNK && taken < LITEIPC_TRACE_RECORDS_MAX);
    records.resize(taken);
    return 0;
}

} // namespace

void DeviceObject::StartTrace(const Napi::CallbackInfo &info)
{
    uint32_t records = CheckUint32(info[0], "records", LITEIPC_TRACE_RECORDS_MAX);
    RequireOpen(info.Env());
    int status = LiteIpcTraceStart(attached_.device, records);
    if (status != 0) {
        throw MakeError(info.Env(), status, "the trace was not started");
    }
}

void DeviceObject::StopTrace(const Napi::CallbackInfo &info)
{
    RequireOpen(info.Env());
    int status = LiteIpcTraceStop(attached_.device);
    if (status != 0) {
        throw MakeError(info.Env(), status, "there is no trace to be stopped");
    }
}

Napi::Value DeviceObject::ReadTrace(const Napi::CallbackInfo &info)
{
    Napi::Env env = info.Env();
    RequireOpen(env);
    std::vector<LiteIpcTraceRecord> records;
    uint64_t lost = 0;
    int status = TakeAll(attached_.device, records, lost);
    if (status != 0) {
        throw MakeError(env, status, "no trace was started");
    }
    size_t bytes = records.size() * sizeof(LiteIpcTraceRecord);
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
    if (bytes != 0) {
        std::memcpy(buffer.Data(), records.data(), bytes);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("words", Napi::Uint32Array::New(env, bytes / sizeof(uint32_t), buffer, 0));
    result.Set("lost", Napi::Number::New(env, static_cast<double>(lost)));
    return result;
}

} // namespace liteipc
