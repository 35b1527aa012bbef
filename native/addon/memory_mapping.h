/*
 * NativeMapping of types/native.d.ts: bytes of a sealed memfd as an ArrayBuffer. Where the platform
 * allows no memory of others as an ArrayBuffer, or if asked for, it is a copy. Used on one JS
 * thread.
 *
 * The mapping ends with release(), else when V8 has let go of the ArrayBuffer's memory: whoever has
 * that (another ArrayBuffer after a transfer, for instance) keeps it.
 */
#ifndef LITEIPC_ADDON_MEMORY_MAPPING_H
#define LITEIPC_ADDON_MEMORY_MAPPING_H

#include <cstddef>
#include <memory>

#include <napi.h>

namespace liteipc
{

/* A mapping. Its ArrayBuffer's finalizer has it, and the object as long as it may end it. */
struct MappedMemory {
    MappedMemory(void *address, size_t bytes) : data(address), size(bytes)
    {
    }
    ~MappedMemory()
    {
        Unmap();
    }
    MappedMemory(const MappedMemory &) = delete;
    MappedMemory &operator=(const MappedMemory &) = delete;
    void Unmap();

    void *data;  /* null once it was unmapped */
    size_t size; /* bytes */
};

/* What a mapping object is made of. */
struct MappingToWrap {
    napi_value buffer = nullptr;
    std::shared_ptr<MappedMemory> memory; /* null: V8 owns the buffer's memory */
};

class MappingObject : public Napi::ObjectWrap<MappingObject>
{
  public:
    static Napi::Function Define(Napi::Env env);
    /* mapMemoryFile(fd, offset, length, copy) */
    static Napi::Value Map(const Napi::CallbackInfo &info);

    /* For Map alone: wraps Environment::mappingToWrap. */
    explicit MappingObject(const Napi::CallbackInfo &info);

  private:
    Napi::Value Buffer(const Napi::CallbackInfo &info);
    Napi::Value Copied(const Napi::CallbackInfo &info);
    void Release(const Napi::CallbackInfo &info);

    Napi::Reference<Napi::ArrayBuffer> buffer_;
    std::shared_ptr<MappedMemory> memory_;
    bool copied_ = true;
};

} // namespace liteipc

#endif
