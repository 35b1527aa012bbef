#include "addon/event_loop.h"

namespace liteipc
{

namespace
{

template <typename Handle> EventLoop *OwnerOf(Handle *handle)
{
    return static_cast<EventLoop *>(handle->data);
}

template <typename Handle> uv_handle_t *Base(Handle *handle)
{
    return reinterpret_cast<uv_handle_t *>(handle);
}

} // namespace

int EventLoop::Start(uv_loop_t *loop, LiteIpcThread *thread, Client *client)
{
    thread_ = thread;
    client_ = client;
    int status = uv_poll_init(loop, &poll_, LiteIpcThreadDescriptor(thread));
    if (status != 0) {
        return status;
    }
    /* None of these calls can fail: they only link the handles into the loop. */
    uv_prepare_init(loop, &prepare_);
    uv_check_init(loop, &check_);
    uv_idle_init(loop, &idle_);
    openHandles_ = 4;
    poll_.data = prepare_.data = check_.data = idle_.data = this;
    uv_prepare_start(&prepare_, OnPrepare);
    uv_check_start(&check_, OnCheck);
    uv_poll_start(&poll_, UV_READABLE, OnReadable);
    uv_unref(Base(&prepare_));
    uv_unref(Base(&check_));
    uv_unref(Base(&idle_));
    return 0;
}

void EventLoop::ComeBackAtOnce()
{
    if (!closing_) {
        uv_idle_start(&idle_, OnIdle);
    }
}

void EventLoop::Stop()
{
    if (!closing_) {
        uv_poll_stop(&poll_);
        uv_prepare_stop(&prepare_);
        uv_check_stop(&check_);
        uv_idle_stop(&idle_);
    }
}

void EventLoop::Close()
{
    if (closing_) {
        return;
    }
    closing_ = true;
    uv_close(Base(&poll_), OnClosed);
    uv_close(Base(&prepare_), OnClosed);
    uv_close(Base(&check_), OnClosed);
    uv_close(Base(&idle_), OnClosed);
}

void EventLoop::Ref()
{
    if (!closing_) {
        uv_ref(Base(&poll_));
    }
}

void EventLoop::Unref()
{
    if (!closing_) {
        uv_unref(Base(&poll_));
    }
}

void EventLoop::SetSpin(uint64_t limitNs)
{
    spinLimitNs_ = limitNs;
    LiteIpcThreadSetSpin(thread_, limitNs);
}

void EventLoop::OnReadable(uv_poll_t *handle, int, int)
{
    /* The check handle, which runs next, takes what has come. */
    LiteIpcCollect(OwnerOf(handle)->thread_);
}

void EventLoop::OnPrepare(uv_prepare_t *handle)
{
    EventLoop *self = OwnerOf(handle);
    if (uv_is_active(Base(&self->idle_)) != 0) {
        return; /* this turn does not block */
    }
    /*
     * Something else is due at once, so neither spinning nor arming is needed. The value may be
     * wrong (libuv can block although it returns 0), hence the idle handle.
     */
    if (uv_backend_timeout(handle->loop) == 0) {
        self->ComeBackAtOnce();
        return;
    }
    if (self->spinLimitNs_ != 0 && LiteIpcSpin(self->thread_, self->spinLimitNs_) == 1) {
        self->ComeBackAtOnce();
        return;
    }
    if (LiteIpcPrepareSleep(self->thread_) == 1) {
        self->ComeBackAtOnce();
    }
}

void EventLoop::OnCheck(uv_check_t *handle)
{
    EventLoop *self = OwnerOf(handle);
    uv_idle_stop(&self->idle_);
    LiteIpcAwake(self->thread_);
    self->client_->OnWork();
}

void EventLoop::OnIdle(uv_idle_t *)
{
    /* The handle only has to be active. */
}

void EventLoop::OnClosed(uv_handle_t *handle)
{
    EventLoop *self = OwnerOf(handle);
    self->openHandles_--;
    if (self->openHandles_ == 0) {
        self->client_->OnHandlesClosed();
    }
}

} // namespace liteipc
