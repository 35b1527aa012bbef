#include "addon/errors.h"

#include <cerrno>
#include <cstring>

#include <uv.h>

extern "C" {
#include "platform/runtime_directory.h"
}

namespace liteipc
{

namespace
{

/* Returns the socket path of a name, for messages. Returns the name itself if it has no path. */
std::string SocketPath(const std::string &domain)
{
    char path[RUNTIME_PATH_SIZE];
    return RuntimeSocketPath(domain.c_str(), false, path, sizeof(path)) == 0 ? path : domain;
}

const char *Explain(int status)
{
    switch (-status) {
        case EINVAL:
            return "Expected 1 to 64 of [A-Za-z0-9._-], not starting with a dot, or the absolute "
                   "path of a socket as its name";
        case ENAMETOOLONG:
            return "the path of its socket is longer than Linux allows (107 bytes): use a shorter "
                   "name or a shorter XDG_RUNTIME_DIR";
        case EPERM:
            return "the directory of its socket must belong to this user and be closed to others "
                   "(mode 0700)";
        case EACCES:
            return "this user may not use its socket";
        case EAGAIN:
            return "the share of processes, threads or tasks of this user is used up: close "
                   "devices that are no longer needed";
        case EMFILE:
        case ENFILE:
            return "no more file descriptors: raise the limit (ulimit -n) or close some";
        case ENOMEM:
            return "not enough memory";
        default:
            return nullptr;
    }
}

std::string Reason(int status)
{
    const char *explained = Explain(status);
    if (explained != nullptr) {
        return explained;
    }
    char text[128];
    return uv_strerror_r(status, text, sizeof(text));
}

} // namespace

std::string ErrorCode(int status)
{
    /* Codes that libuv has no name for. */
    switch (-status) {
        case ETIME:
            return "ETIME";
        case ERFKILL:
            return "ERFKILL";
        default:
            break;
    }
    char name[64];
    return uv_err_name_r(status, name, sizeof(name));
}

Napi::Error MakeError(Napi::Env env, int status, const std::string &message)
{
    Napi::Error error = Napi::Error::New(env, message);
    error.Set("code", ErrorCode(status));
    return error;
}

Napi::Error DomainStartError(Napi::Env env, int status, const std::string &domain)
{
    std::string message;
    if (status == -EADDRINUSE) {
        message = "a LiteIPC domain \"" + domain + "\" is running already (socket " +
                  SocketPath(domain) + "): stop it first, or choose another name";
    } else {
        message = "the LiteIPC domain \"" + domain + "\" cannot start: " + Reason(status);
    }
    return MakeError(env, status, message);
}

Napi::Error DeviceOpenError(Napi::Env env, int status, const std::string &domain)
{
    std::string message;
    if (status == -ENODEV) {
        message = "no LiteIPC domain \"" + domain + "\" is running (socket " + SocketPath(domain) +
                  "): start one with ServiceManager.start({ domain: \"" + domain + "\" })";
    } else {
        message =
            "cannot open a device of the LiteIPC domain \"" + domain + "\": " + Reason(status);
    }
    return MakeError(env, status, message);
}

void Check(Napi::Env env, napi_status status)
{
    if (status != napi_ok) {
        throw Napi::Error::New(env);
    }
}

} // namespace liteipc
