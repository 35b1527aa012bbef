/*
 * Implements NativeDescriptor of types/native.d.ts: one descriptor that JavaScript owns. close(),
 * garbage collection or the end of the environment closes it; release() transfers it to the caller.
 */
#ifndef LITEIPC_ADDON_DESCRIPTOR_OBJECT_H
#define LITEIPC_ADDON_DESCRIPTOR_OBJECT_H

#include <napi.h>

namespace liteipc
{

class DescriptorObject : public Napi::ObjectWrap<DescriptorObject>
{
  public:
    static Napi::Function Define(Napi::Env env);
    /* Takes ownership of the descriptor, also if it throws. */
    static Napi::Object Make(Napi::Env env, int descriptor);
    /* duplicateDescriptor(fd) */
    static Napi::Value Duplicate(const Napi::CallbackInfo &info);
    /* createSocketPair() */
    static Napi::Value SocketPair(const Napi::CallbackInfo &info);

    /* Only for Make: wraps Environment::descriptorToWrap. */
    explicit DescriptorObject(const Napi::CallbackInfo &info);
    ~DescriptorObject() override;

  private:
    Napi::Value Number(const Napi::CallbackInfo &info);
    void Close(const Napi::CallbackInfo &info);
    Napi::Value Release(const Napi::CallbackInfo &info);

    int descriptor_ = -1;
};

} // namespace liteipc

#endif
