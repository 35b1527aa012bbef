/*
 * Implements NativeMapping of types/native.d.ts: bytes of a sealed memfd as an ArrayBuffer. It is a
 * copy if the platform does not allow external memory in an ArrayBuffer, or if requested. Used on
 * one JS thread.
 *
 * release() ends the mapping. Otherwise it ends when V8 frees the ArrayBuffer's memory: another
 * owner of that memory (for instance another ArrayBuffer after a transfer) keeps the mapping alive.
 */
#ifndef LITEIPC_ADDON_MEMORY_MAPPING_H
#define LITEIPC_ADDON_MEMORY_MAPPING_H

#include <cstddef>
#include <memory>

#include <napi.h>

namespace liteipc
{

/*
 * A mapping. The finalizer of its ArrayBuffer owns it, and the object shares it as long as it may
 * end it.
 */
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

    void *data;  /* null after it was unmapped */
    size_t size; /* bytes */
};

/* The parts of a mapping object. */
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

    /* Only for Map: wraps Environment::mappingToWrap. */
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
