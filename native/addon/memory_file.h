/*
 * Implements NativeMemoryFile of types/native.d.ts: a memfd that is being filled. It becomes a
 * NativeDescriptor when it is sealed. Everything runs on its JS thread, except the writing of
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

/* The memfd. It is closed when neither the object nor a job on another thread needs it. */
struct OpenMemoryFile {
    explicit OpenMemoryFile(int number) : descriptor(number)
    {
    }
    ~OpenMemoryFile();
    OpenMemoryFile(const OpenMemoryFile &) = delete;
    OpenMemoryFile &operator=(const OpenMemoryFile &) = delete;

    /*
     * Returns 0, or a negative errno if nothing was appended. -ECANCELED: it was abandoned
     * meanwhile.
     */
    int Append(const std::vector<Bytes> &parts);

    int descriptor;    /* -1: transferred to another owner */
    uint64_t size = 0; /* bytes; used only by the appending thread */
    std::atomic<bool> abandoned{
        false}; /* the result is not needed any more. relaxed: it orders nothing else */
};

class MemoryFileObject : public Napi::ObjectWrap<MemoryFileObject>
{
  public:
    static Napi::Function Define(Napi::Env env);
    /* createMemoryFile() */
    static Napi::Value Create(const Napi::CallbackInfo &info);

    /* Only for Create: wraps Environment::memoryFileToWrap. */
    explicit MemoryFileObject(const Napi::CallbackInfo &info);
    ~MemoryFileObject() override;

    /* Called when the job of appendInBackground has ended. */
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
    /* Throws EBADF if it is closed, EBUSY while a job appends to it. */
    OpenMemoryFile &Idle(Napi::Env env);
    void Abandon();

    std::shared_ptr<OpenMemoryFile> file_;
    bool busy_ = false;
};

} // namespace liteipc

#endif
