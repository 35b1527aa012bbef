#include "addon/memory_mapping.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "addon/arguments.h"
#include "addon/environment.h"
#include "addon/errors.h"

extern "C" {
#include "platform/memory_file.h"
}

namespace liteipc
{

namespace
{

/* Largest mapping, bytes: the largest ArrayBuffer of the oldest supported Node. */
constexpr uint64_t MAPPING_MAX = UINT64_C(1) << 32;

Napi::Error MapError(Napi::Env env, int status, int descriptor)
{
    const std::string which = "descriptor " + std::to_string(descriptor);
    switch (-status) {
        case EBADF:
            return MakeError(env, status, which + " is not open");
        case EPROTO:
            return MakeError(env, status,
                             which + " is no memory that can be trusted not to change: expected a "
                                     "memfd without holes, sealed against writing and shrinking");
        case EACCES:
            return MakeError(env, status, which + " was not opened for reading");
        default:
            return MakeError(env, status, which + " cannot be mapped: not enough memory");
    }
}

/* Makes an ArrayBuffer owned by V8 with the same bytes. Throws if memory is exhausted. */
napi_value CopyOf(Napi::Env env, const void *data, size_t size)
{
    void *copy = nullptr;
    napi_value buffer = nullptr;
    Check(env, napi_create_arraybuffer(env, size, &copy, &buffer));
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return buffer;
}

void FinaliseBuffer(napi_env, void *, void *memory)
{
    delete static_cast<std::shared_ptr<MappedMemory> *>(memory);
}

/* Makes an ArrayBuffer of the mapping itself. Returns false if the platform allows none. */
bool ShareWith(Napi::Env env, const std::shared_ptr<MappedMemory> &memory, napi_value *buffer)
{
    auto *held = new std::shared_ptr<MappedMemory>(memory);
    napi_status status = napi_create_external_arraybuffer(env, memory->data, memory->size,
                                                          FinaliseBuffer, held, buffer);
    if (status == napi_ok) {
        return true;
    }
    if (status == napi_no_external_buffers_allowed) {
        delete held;
        return false;
    }
    /*
     * Node-API does not specify whether the finalizer runs on failure. A leaked shared_ptr is
     * better than one freed twice.
     */
    Check(env, status);
    return false;
}

struct Range {
    uint64_t offset;
    uint64_t length;
};

Range CheckRange(const Napi::CallbackInfo &info, uint64_t size)
{
    Range range = {info[1].IsUndefined() ? 0 : CheckSize(info[1], "offset"), 0};
    range.length = !info[2].IsUndefined() ? CheckSize(info[2], "length")
                   : range.offset <= size ? size - range.offset
                                          : 0;
    if (range.offset > size || range.length > size - range.offset) {
        throw MakeError(info.Env(), -EINVAL,
                        "the memory has " + std::to_string(size) + " bytes, but asked was for " +
                            std::to_string(range.length) + " from " + std::to_string(range.offset));
    }
    if (range.length > MAPPING_MAX) {
        throw MakeError(info.Env(), -EFBIG,
                        "the memory has more than 4 GiB: map it in parts (offset, length)");
    }
    return range;
}

} // namespace

void MappedMemory::Unmap()
{
    if (data != nullptr) {
        MemoryFileUnmap(std::exchange(data, nullptr), size);
    }
}

Napi::Function MappingObject::Define(Napi::Env env)
{
    return DefineClass(env, "NativeMapping",
                       {
                           InstanceAccessor<&MappingObject::Buffer>("buffer"),
                           InstanceAccessor<&MappingObject::Copied>("copied"),
                           InstanceMethod<&MappingObject::Release>("release"),
                       });
}

Napi::Value MappingObject::Map(const Napi::CallbackInfo &info)
{
    Napi::Env env = info.Env();
    int descriptor = static_cast<int>(CheckUint32(info[0], "fd", INT32_MAX));
    uint64_t size = 0;
    int status = MemoryFileVerify(descriptor, &size);
    if (status != 0) {
        throw MapError(env, status, descriptor);
    }
    Range range = CheckRange(info, size);
    const bool copy = info[3].ToBoolean();

    MappingToWrap mapping;
    if (range.length == 0) {
        mapping.buffer = CopyOf(env, nullptr, 0);
    } else {
        void *data = nullptr;
        status = MemoryFileMap(descriptor, range.offset, range.length, &data);
        if (status != 0) {
            throw MapError(env, status, descriptor);
        }
        mapping.memory = std::make_shared<MappedMemory>(data, range.length);
        if (copy || !ShareWith(env, mapping.memory, &mapping.buffer)) {
            mapping.buffer = CopyOf(env, data, range.length);
            mapping.memory.reset();
        }
    }
    Environment &environment = Environment::Of(env);
    environment.mappingToWrap = &mapping;
    try {
        Napi::Object object = environment.mappingClass.New({});
        environment.mappingToWrap = nullptr;
        return object;
    } catch (...) {
        environment.mappingToWrap = nullptr;
        throw;
    }
}

MappingObject::MappingObject(const Napi::CallbackInfo &info) : Napi::ObjectWrap<MappingObject>(info)
{
    const MappingToWrap *mapping =
        std::exchange(Environment::Of(info.Env()).mappingToWrap, nullptr);
    if (mapping == nullptr) {
        throw Napi::TypeError::New(info.Env(), "a mapping comes from mapMemoryFile");
    }
    buffer_ = Napi::Persistent(Napi::ArrayBuffer(info.Env(), mapping->buffer));
    memory_ = mapping->memory;
    copied_ = memory_ == nullptr;
}

Napi::Value MappingObject::Buffer(const Napi::CallbackInfo &)
{
    return buffer_.Value();
}

Napi::Value MappingObject::Copied(const Napi::CallbackInfo &info)
{
    return Napi::Boolean::New(info.Env(), copied_);
}

void MappingObject::Release(const Napi::CallbackInfo &)
{
    Napi::ArrayBuffer buffer = buffer_.Value();
    std::shared_ptr<MappedMemory> memory = std::move(memory_);
    if (!buffer.IsDetached()) {
        buffer.Detach();
        if (memory != nullptr && buffer.IsDetached()) {
            memory->Unmap();
        }
    } /* otherwise JavaScript has transferred the memory to another owner */
}

} // namespace liteipc
