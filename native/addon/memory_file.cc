#include "addon/memory_file.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <unistd.h>

#include "addon/background_job.h"
#include "addon/descriptor_object.h"
#include "addon/environment.h"
#include "addon/errors.h"

extern "C" {
#include "platform/memory_file.h"
}

namespace liteipc
{

namespace
{

/* Bytes written between two checks whether the file was abandoned; takes some ms. */
constexpr size_t PIECE_SIZE = 16 * 1024 * 1024;

Napi::Error WriteError(Napi::Env env, int status)
{
    switch (-status) {
        case EMFILE:
        case ENFILE:
            return MakeError(env, status, "this process has no room for another descriptor");
        case EFBIG:
            return MakeError(env, status,
                             "the value is larger than this process may make files (ulimit -f)");
        case EFAULT:
            return MakeError(env, status, "the memory of a part was taken away while it was read");
        case ECANCELED:
            return MakeError(env, status, "the memory file was closed while it was filled");
        default:
            return MakeError(env, status, "there is not enough memory for the value");
    }
}

/*
 * Reads the elements first, because getters may run JavaScript; then the bytes, when nothing runs
 * any more.
 */
std::vector<Napi::Value> CheckParts(const Napi::Value &value)
{
    if (!value.IsArray()) {
        RejectArgument("an array of Uint8Arrays", "parts", value);
    }
    Napi::Array array = value.As<Napi::Array>();
    std::vector<Napi::Value> parts;
    for (uint32_t index = 0; index < array.Length(); index++) {
        parts.push_back(array.Get(index));
    }
    return parts;
}

std::vector<Bytes> BytesOf(const std::vector<Napi::Value> &parts)
{
    std::vector<Bytes> bytes;
    for (size_t index = 0; index < parts.size(); index++) {
        bytes.push_back(CheckBytes(parts[index], "parts[" + std::to_string(index) + "]"));
    }
    return bytes;
}

class AppendJob : public BackgroundJob
{
  public:
    AppendJob(Napi::Object object, std::shared_ptr<OpenMemoryFile> file,
              const std::vector<Napi::Value> &parts, std::vector<Bytes> bytes)
        : deferred_(object.Env()), object_(Napi::Persistent(object)), file_(std::move(file)),
          bytes_(std::move(bytes))
    {
        for (const Napi::Value &part : parts) {
            parts_.push_back(Napi::Persistent(part.As<Napi::Object>()));
        }
    }

    Napi::Promise Promise() const
    {
        return deferred_.Promise();
    }

  protected:
    void Execute() override
    {
        status_ = file_->Append(bytes_);
    }

    void Complete(Napi::Env env) override
    {
        if (Environment::Of(env).TearingDown()) {
            return;
        }
        Napi::HandleScope scope(env);
        MemoryFileObject::Unwrap(object_.Value())->JobEnded();
        if (file_->abandoned.load(std::memory_order_relaxed)) {
            status_ = -ECANCELED;
        }
        if (status_ == 0 && !SourcesAreThere()) {
            status_ = -EFAULT;
        }
        if (status_ == -EFAULT) {
            file_->abandoned.store(true,
                                   std::memory_order_relaxed); /* part of the data may be missing */
        }
        if (status_ != 0) {
            deferred_.Reject(WriteError(env, status_).Value());
        } else {
            deferred_.Resolve(env.Undefined());
        }
    }

  private:
    /* JavaScript may have transferred the buffers away, and their new owner may have freed them. */
    bool SourcesAreThere() const
    {
        for (size_t index = 0; index < parts_.size(); index++) {
            Napi::Uint8Array part = parts_[index].Value().As<Napi::Uint8Array>();
            if (part.ByteLength() < bytes_[index].size) {
                return false;
            }
        }
        return true;
    }

    Napi::Promise::Deferred deferred_;
    Napi::ObjectReference object_;
    std::shared_ptr<OpenMemoryFile> file_;
    std::vector<Napi::ObjectReference> parts_; /* owners of the memory that `bytes_` points into */
    std::vector<Bytes> bytes_;
    int status_ = 0;
};

} // namespace

OpenMemoryFile::~OpenMemoryFile()
{
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
}

int OpenMemoryFile::Append(const std::vector<Bytes> &parts)
{
    uint64_t end = size;
    for (const Bytes &part : parts) {
        for (size_t done = 0; done < part.size;) {
            size_t piece = std::min(part.size - done, PIECE_SIZE);
            int status = abandoned.load(std::memory_order_relaxed)
                             ? -ECANCELED
                             : MemoryFileWrite(descriptor, end, part.data + done, piece);
            if (status != 0) {
                (void)MemoryFileTruncate(descriptor, size);
                return status;
            }
            done += piece;
            end += piece;
        }
    }
    size = end;
    return 0;
}

Napi::Function MemoryFileObject::Define(Napi::Env env)
{
    return DefineClass(
        env, "NativeMemoryFile",
        {
            InstanceAccessor<&MemoryFileObject::Size>("size"),
            InstanceMethod<&MemoryFileObject::Append>("append"),
            InstanceMethod<&MemoryFileObject::AppendInBackground>("appendInBackground"),
            InstanceMethod<&MemoryFileObject::Seal>("seal"),
            InstanceMethod<&MemoryFileObject::Close>("close"),
        });
}

Napi::Value MemoryFileObject::Create(const Napi::CallbackInfo &info)
{
    Environment &environment = Environment::Of(info.Env());
    int descriptor = -1;
    int status = MemoryFileCreate(&descriptor);
    if (status != 0) {
        throw WriteError(info.Env(), status);
    }
    environment.memoryFileToWrap = std::make_shared<OpenMemoryFile>(descriptor);
    try {
        return environment.memoryFileClass.New({});
    } catch (...) {
        environment.memoryFileToWrap.reset();
        throw;
    }
}

MemoryFileObject::MemoryFileObject(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<MemoryFileObject>(info),
      file_(std::exchange(Environment::Of(info.Env()).memoryFileToWrap, nullptr))
{
    if (file_ == nullptr) {
        throw Napi::TypeError::New(info.Env(), "a memory file comes from createMemoryFile");
    }
}

MemoryFileObject::~MemoryFileObject()
{
    Abandon();
}

void MemoryFileObject::Abandon()
{
    if (file_ != nullptr) {
        file_->abandoned.store(true, std::memory_order_relaxed);
        file_.reset();
    }
}

OpenMemoryFile &MemoryFileObject::Idle(Napi::Env env)
{
    if (busy_) {
        throw MakeError(env, -EBUSY, "the memory file is being filled");
    }
    if (file_ != nullptr && file_->abandoned.load(std::memory_order_relaxed)) {
        file_.reset();
    }
    if (file_ == nullptr) {
        throw MakeError(env, -EBADF, "the memory file is closed");
    }
    return *file_;
}

Napi::Value MemoryFileObject::Size(const Napi::CallbackInfo &info)
{
    return Napi::Number::New(info.Env(), static_cast<double>(Idle(info.Env()).size));
}

void MemoryFileObject::Append(const Napi::CallbackInfo &info)
{
    std::vector<Napi::Value> parts = CheckParts(info[0]);
    int status = Idle(info.Env()).Append(BytesOf(parts));
    if (status != 0) {
        throw WriteError(info.Env(), status);
    }
}

Napi::Value MemoryFileObject::AppendInBackground(const Napi::CallbackInfo &info)
{
    std::vector<Napi::Value> parts = CheckParts(info[0]);
    (void)Idle(info.Env());
    auto job =
        std::make_unique<AppendJob>(info.This().As<Napi::Object>(), file_, parts, BytesOf(parts));
    Napi::Promise promise = job->Promise();
    BackgroundJob::Start(info.Env(), "LiteIpcMemoryFile", std::move(job));
    busy_ = true;
    return promise;
}

Napi::Value MemoryFileObject::Seal(const Napi::CallbackInfo &info)
{
    OpenMemoryFile &file = Idle(info.Env());
    int status = MemoryFileSeal(file.descriptor);
    if (status != 0) {
        throw MakeError(info.Env(), status, "the memory file cannot be sealed");
    }
    int descriptor = std::exchange(file.descriptor, -1);
    file_.reset();
    return DescriptorObject::Make(info.Env(), descriptor);
}

void MemoryFileObject::Close(const Napi::CallbackInfo &)
{
    Abandon();
}

} // namespace liteipc
