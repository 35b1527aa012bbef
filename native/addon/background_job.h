/*
 * A piece of work that may block. It runs on libuv's thread pool and completes on the JS thread.
 * The environment does not end before the job completes.
 */
#ifndef LITEIPC_ADDON_BACKGROUND_JOB_H
#define LITEIPC_ADDON_BACKGROUND_JOB_H

#include <memory>

#include <napi.h>

namespace liteipc
{

class BackgroundJob
{
  public:
    virtual ~BackgroundJob() = default;
    BackgroundJob(const BackgroundJob &) = delete;
    BackgroundJob &operator=(const BackgroundJob &) = delete;

    /*
     * Takes ownership of the job, and frees it after Complete. If it throws a JavaScript error,
     * nothing ran.
     */
    static void Start(Napi::Env env, const char *name, std::unique_ptr<BackgroundJob> job);

  protected:
    BackgroundJob() = default;
    /* Runs on a thread of the pool, without JavaScript. */
    virtual void Execute() = 0;
    /* Runs on the JS thread. `env` may be tearing down: see Environment::TearingDown. */
    virtual void Complete(Napi::Env env) = 0;

  private:
    static void OnExecute(napi_env env, void *job);
    static void OnComplete(napi_env env, napi_status status, void *job);

    napi_async_work work_ = nullptr;
};

} // namespace liteipc

#endif
