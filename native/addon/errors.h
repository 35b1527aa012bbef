/* Converts a status of the core, a negative errno, to a JavaScript Error with `code`. */
#ifndef LITEIPC_ADDON_ERRORS_H
#define LITEIPC_ADDON_ERRORS_H

#include <string>

#include <napi.h>

namespace liteipc
{

/* Returns "ENODEV" for -ENODEV. */
std::string ErrorCode(int status);
/* Returns an Error whose `code` names the status. */
Napi::Error MakeError(Napi::Env env, int status, const std::string &message);
/* Returns the error of startDomain or openDevice, with a remedy where there is one. */
Napi::Error DomainStartError(Napi::Env env, int status, const std::string &domain);
Napi::Error DeviceOpenError(Napi::Env env, int status, const std::string &domain);

/* Throws the pending JavaScript exception, or an Error if a Node-API call failed. */
void Check(Napi::Env env, napi_status status);

} // namespace liteipc

#endif
