/*
 * openDevice(options): attaching blocks, so it is done on libuv's thread pool.
 */
#ifndef LITEIPC_ADDON_OPEN_JOB_H
#define LITEIPC_ADDON_OPEN_JOB_H

#include <napi.h>

namespace liteipc
{

/* Checks the options at once, with a TypeError; returns a promise of a NativeDevice. */
Napi::Value OpenDevice(const Napi::CallbackInfo &info);

} // namespace liteipc

#endif
