#include "addon/background_job.h"

#include "addon/environment.h"
#include "addon/errors.h"

namespace liteipc
{

void BackgroundJob::Start(Napi::Env env, const char *name, std::unique_ptr<BackgroundJob> job)
{
    Check(env, napi_create_async_work(env, nullptr, Napi::String::New(env, name), OnExecute,
                                      OnComplete, job.get(), &job->work_));
    napi_status status = napi_queue_async_work(env, job->work_);
    if (status != napi_ok) {
        napi_delete_async_work(env, job->work_);
        Check(env, status);
    }
    (void)job.release(); /* OnComplete owns it now */
    Environment::Of(env).JobStarted();
}

void BackgroundJob::OnExecute(napi_env, void *job)
{
    static_cast<BackgroundJob *>(job)->Execute();
}

void BackgroundJob::OnComplete(napi_env rawEnv, napi_status, void *rawJob)
{
    Napi::Env env(rawEnv);
    std::unique_ptr<BackgroundJob> job(static_cast<BackgroundJob *>(rawJob));
    napi_delete_async_work(env, job->work_);
    try {
        job->Complete(env);
    } catch (const Napi::Error &error) {
        /* Becomes an uncaught exception. It has no effect in a worker that is being terminated. */
        napi_throw(env, error.Value());
    }
    job.reset();
    Environment::Of(env).JobEnded();
}

} // namespace liteipc
