/*
 * NativeDescriptor of types/native.d.ts: one descriptor that belongs to JavaScript. It is closed by
 * close(), when the object is garbage collected, or with its environment; release() gives it away.
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
    /* Takes the descriptor over, also if it throws. */
    static Napi::Object Make(Napi::Env env, int descriptor);
    /* duplicateDescriptor(fd) */
    static Napi::Value Duplicate(const Napi::CallbackInfo &info);
    /* createSocketPair() */
    static Napi::Value SocketPair(const Napi::CallbackInfo &info);

    /* For Make alone: wraps Environment::descriptorToWrap. */
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
