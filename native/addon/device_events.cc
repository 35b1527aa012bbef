/* NativeDevice: delivers the events of a turn of the event loop. */
#include <cerrno>

#include "addon/device_object.h"
#include "addon/errors.h"
#include "addon/event_batch.h"

namespace liteipc
{

namespace
{

/* After this number of batches the rest of the loop gets its turn. */
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

/* Returns false if there is nothing more to take in this turn. */
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
    EventBatch batch(attached_.thread, buffers_, requests_, tasks_, arrived_);
    size_t count = batch.Take(Env());
    if (count == 0) {
        return false;
    }
    bool goesOn = CallOnEvents(batch, count);
    arrived_.DiscardAll();
    if (batch.Lost() || !goesOn) {
        loop_.Stop();
        return false;
    }
    return true;
}

/* Stores values that do not fit the words of the events in an array that JavaScript sees. */
void DeviceObject::StoreIn(const Napi::ObjectReference &list, const napi_value *values,
                           size_t count)
{
    for (size_t index = 0; index < count && !list.IsEmpty(); index++) {
        if (napi_set_element(Env(), list.Value(), static_cast<uint32_t>(index), values[index]) !=
            napi_ok) {
            ReportException(); /* a setter in the array has thrown */
        }
    }
}

/* Empties the array. JavaScript retains what it needs; the rest can be collected. */
void DeviceObject::Empty(const Napi::ObjectReference &list, size_t count)
{
    if (count == 0 || list.IsEmpty()) {
        return;
    }
    napi_value none = nullptr;
    napi_create_uint32(Env(), 0, &none);
    if (napi_set_named_property(Env(), list.Value(), "length", none) != napi_ok) {
        ReportException();
    }
}

/* Returns false if the environment cannot run JavaScript any more. */
bool DeviceObject::CallOnEvents(const EventBatch &batch, size_t count)
{
    napi_env env = Env();
    StoreIn(large_, batch.Large(), batch.LargeCount());
    StoreIn(objects_, batch.Objects(), batch.ObjectsCount());
    if (state_ != State::OPEN) {
        return true; /* a setter in an array has closed the device */
    }
    napi_value number = nullptr;
    napi_create_uint32(env, static_cast<uint32_t>(count), &number);
    napi_value result = nullptr;
    napi_status status =
        napi_make_callback(env, asyncContext_, Value(), onEvents_.Value(), 1, &number, &result);
    bool goesOn = status == napi_ok || ReportException();
    if (goesOn) {
        Empty(large_, batch.LargeCount());
        Empty(objects_, batch.ObjectsCount());
    }
    return goesOn;
}

/*
 * Reports a thrown value as an uncaught exception. Returns false in a worker that is being
 * terminated.
 */
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
