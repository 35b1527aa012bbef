/* NativeDevice: what a turn of the event loop brings. */
#include <cerrno>

#include "addon/device_object.h"
#include "addon/errors.h"
#include "addon/event_batch.h"

namespace liteipc
{

namespace
{

/* After so many batches the rest of the loop gets its turn. */
constexpr int BATCHES_PER_TURN = 4;

} // namespace

void DeviceObject::OnWork()
{
    for (int batch = 0; batch < BATCHES_PER_TURN; batch++) {
        if (state_ != State::OPEN || !DeliverBatch()) {
            return;
        }
    }
    loop_.ComeBackAtOnce();
}

/* False when there is nothing more to take in this turn. */
bool DeviceObject::DeliverBatch()
{
    Napi::HandleScope scope(Env());
    if (buffers_.Detached()) {
        try {
            RequireBuffers(Env());
        } catch (const Napi::Error &error) {
            napi_fatal_exception(Env(), error.Value());
        }
        CloseHandles();
        return false;
    }
    EventBatch batch(attached_.thread, buffers_, requests_, tasks_);
    size_t count = batch.Take(Env());
    if (count == 0) {
        return false;
    }
    bool goesOn = CallOnEvents(batch, count);
    if (batch.Lost() || !goesOn) {
        loop_.Stop();
        return false;
    }
    return true;
}

/* False when the environment cannot run JavaScript any more. */
bool DeviceObject::CallOnEvents(const EventBatch &batch, size_t count)
{
    napi_env env = Env();
    if (batch.LargeCount() != 0) {
        napi_value large = large_.Value();
        for (size_t index = 0; index < batch.LargeCount(); index++) {
            if (napi_set_element(env, large, static_cast<uint32_t>(index), batch.Large(index)) !=
                napi_ok) {
                ReportException(); /* a setter in the array has thrown */
            }
        }
        if (state_ != State::OPEN) {
            return true; /* a setter in the array has closed the device */
        }
    }
    napi_value number = nullptr;
    napi_create_uint32(env, static_cast<uint32_t>(count), &number);
    napi_value result = nullptr;
    napi_status status =
        napi_make_callback(env, asyncContext_, Value(), onEvents_.Value(), 1, &number, &result);
    bool goesOn = status == napi_ok || ReportException();
    if (goesOn && batch.LargeCount() != 0 && !large_.IsEmpty()) {
        /* JavaScript keeps what it wants; the rest can be collected. */
        napi_value none = nullptr;
        napi_create_uint32(env, 0, &none);
        if (napi_set_named_property(env, large_.Value(), "length", none) != napi_ok) {
            ReportException();
        }
    }
    return goesOn;
}

/* Makes what was thrown an uncaught exception. False in a worker that is being terminated. */
bool DeviceObject::ReportException()
{
    napi_value exception = nullptr;
    bool pending = false;
    if (napi_is_exception_pending(Env(), &pending) != napi_ok || !pending ||
        napi_get_and_clear_last_exception(Env(), &exception) != napi_ok) {
        return false;
    }
    return napi_fatal_exception(Env(), exception) == napi_ok;
}

} // namespace liteipc
