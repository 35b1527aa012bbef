/*
 * NativeDomain of types/native.d.ts: a domain that runs in this OS process. It is stopped by
 * stop(), when it is garbage collected, or with its environment.
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

    /* For startDomain alone: wraps Environment::domainToWrap. */
    explicit DomainObject(const Napi::CallbackInfo &info);
    ~DomainObject() override;

    /* Idempotent; waits for the domain's thread to end. */
    void StopDomain();

  private:
    Napi::Value Counters(const Napi::CallbackInfo &info);
    void Stop(const Napi::CallbackInfo &info);

    LiteIpcDomain *domain_ = nullptr;
};

} // namespace liteipc

#endif
