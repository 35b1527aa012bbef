/*
 * NativeMemoryFile of types/native.d.ts: a memfd that is being filled, and that becomes a
 * NativeDescriptor once it is sealed. Everything on its JS thread, but the writing of
 * appendInBackground.
 */
#ifndef LITEIPC_ADDON_MEMORY_FILE_H
#define LITEIPC_ADDON_MEMORY_FILE_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <napi.h>

#include "addon/arguments.h"

namespace liteipc
{

/*
 * The memfd itself: closed when neither the object nor a job on another thread needs it any more.
 */
struct OpenMemoryFile {
    explicit OpenMemoryFile(int number) : descriptor(number)
    {
    }
    ~OpenMemoryFile();
    OpenMemoryFile(const OpenMemoryFile &) = delete;
    OpenMemoryFile &operator=(const OpenMemoryFile &) = delete;

    /* 0, or a negative errno: then nothing of it was appended. -ECANCELED: abandoned meanwhile. */
    int Append(const std::vector<Bytes> &parts);

    int descriptor;    /* -1: was given away */
    uint64_t size = 0; /* bytes; of whoever appends */
    std::atomic<bool> abandoned{
        false}; /* nobody wants it any more; tells nothing else, so relaxed */
};

class MemoryFileObject : public Napi::ObjectWrap<MemoryFileObject>
{
  public:
    static Napi::Function Define(Napi::Env env);
    /* createMemoryFile() */
    static Napi::Value Create(const Napi::CallbackInfo &info);

    /* For Create alone: wraps Environment::memoryFileToWrap. */
    explicit MemoryFileObject(const Napi::CallbackInfo &info);
    ~MemoryFileObject() override;

    /* The job of appendInBackground has ended. */
    void JobEnded()
    {
        busy_ = false;
    }

  private:
    Napi::Value Size(const Napi::CallbackInfo &info);
    void Append(const Napi::CallbackInfo &info);
    Napi::Value AppendInBackground(const Napi::CallbackInfo &info);
    Napi::Value Seal(const Napi::CallbackInfo &info);
    void Close(const Napi::CallbackInfo &info);
    /* Throws EBADF when it is closed, EBUSY while it is appended to. */
    OpenMemoryFile &Idle(Napi::Env env);
    void Abandon();

    std::shared_ptr<OpenMemoryFile> file_;
    bool busy_ = false;
};

} // namespace liteipc

#endif
