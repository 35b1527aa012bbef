/*
 * Implements NativeDomain of types/native.d.ts: a domain that runs in this OS process. stop(),
 * garbage collection or the end of the environment stops it.
 */
#ifndef LITEIPC_ADDON_DOMAIN_OBJECT_H
#define LITEIPC_ADDON_DOMAIN_OBJECT_H

#include <napi.h>

#include "liteipc/liteipc.h"

namespace liteipc
{

class DomainObject : public Napi::ObjectWrap<DomainObject>
{
  public:
    static Napi::Function Define(Napi::Env env);
    /* startDomain(options) */
    static Napi::Value Start(const Napi::CallbackInfo &info);

    /* Only for startDomain: wraps Environment::domainToWrap. */
    explicit DomainObject(const Napi::CallbackInfo &info);
    ~DomainObject() override;

    /* Waits for the domain's thread to end. Idempotent. */
    void StopDomain();

  private:
    Napi::Value Counters(const Napi::CallbackInfo &info);
    void Stop(const Napi::CallbackInfo &info);

    LiteIpcDomain *domain_ = nullptr;
};

} // namespace liteipc

#endif
