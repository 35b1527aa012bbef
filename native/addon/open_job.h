/* Implements openDevice(options). Attaching blocks, so it runs on libuv's thread pool. */
#ifndef LITEIPC_ADDON_OPEN_JOB_H
#define LITEIPC_ADDON_OPEN_JOB_H

#include <napi.h>

namespace liteipc
{

/* Checks the options at once and throws a TypeError. Returns a promise of a NativeDevice. */
Napi::Value OpenDevice(const Napi::CallbackInfo &info);

} // namespace liteipc

#endif
