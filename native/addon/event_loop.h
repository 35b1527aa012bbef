/*
 * Holds the libuv handles of one device. They make the loop sleep on the thread's epoll descriptor
 * without losing a wake-up.
 *
 *   prepare (before the loop may block)  looks for work for a moment, then asks senders to ring and
 *                                        looks once more; starts the idle handle if it finds work
 *   poll on the descriptor               wakes the loop when a sender rang
 *   idle (no work of its own)            makes the poll of this turn return at once
 *   check (after the poll)               senders need not ring any more; takes what has come
 *
 * Invariant: when the loop blocks, senders have been asked to ring and nothing had come afterwards.
 * In a worker the first of these events may be a check.
 *
 * Only the poll handle keeps the loop alive, and only while it is referenced.
 */
#ifndef LITEIPC_ADDON_EVENT_LOOP_H
#define LITEIPC_ADDON_EVENT_LOOP_H

#include <cstdint>

#include <uv.h>

#include "liteipc/liteipc.h"

namespace liteipc
{

class EventLoop
{
  public:
    class Client
    {
      public:
        /* Takes what has come. May stop or close the loop. */
        virtual void OnWork() = 0;
        /*
         * Called when every handle is closed. The client may release the thread and the EventLoop.
         */
        virtual void OnHandlesClosed() = 0;

      protected:
        ~Client() = default;
    };

    /*
     * Returns 0, or a negative errno; there is nothing to close then. After success the caller
     * calls Close once.
     */
    int Start(uv_loop_t *loop, LiteIpcThread *thread, Client *client);
    /* Makes the loop come back without blocking, because there is more to take. */
    void ComeBackAtOnce();
    /* Stops taking events. The loop may end. */
    void Stop();
    /* Idempotent. OnHandlesClosed is called in a later turn of the loop. */
    void Close();

    void Ref();
    void Unref();
    /* Sets the longest time to look for work before the loop sleeps, ns. */
    void SetSpin(uint64_t limitNs);

  private:
    static void OnReadable(uv_poll_t *handle, int status, int events);
    static void OnPrepare(uv_prepare_t *handle);
    static void OnCheck(uv_check_t *handle);
    static void OnIdle(uv_idle_t *handle);
    static void OnClosed(uv_handle_t *handle);

    LiteIpcThread *thread_ = nullptr;
    Client *client_ = nullptr;
    uv_poll_t poll_ = {};
    uv_prepare_t prepare_ = {};
    uv_check_t check_ = {};
    uv_idle_t idle_ = {};
    uint64_t spinLimitNs_ = 50000;
    unsigned openHandles_ = 0;
    bool closing_ = false;
};

} // namespace liteipc

#endif
