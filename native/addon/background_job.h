/*
 * A piece of work that may block, done on libuv's thread pool and completed on the JS thread. The
 * environment does not end before it is completed.
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
     * Takes the job over and frees it after Complete. Throws a JavaScript error: then nothing ran.
     */
    static void Start(Napi::Env env, const char *name, std::unique_ptr<BackgroundJob> job);

  protected:
    BackgroundJob() = default;
    /* On a thread of the pool: no JavaScript. */
    virtual void Execute() = 0;
    /* On the JS thread. `env` may be tearing down: Environment::TearingDown. */
    virtual void Complete(Napi::Env env) = 0;

  private:
    static void OnExecute(napi_env env, void *job);
    static void OnComplete(napi_env env, napi_status status, void *job);

    napi_async_work work_ = nullptr;
};

} // namespace liteipc

#endif
