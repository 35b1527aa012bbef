/*
 * Checks the arguments that JavaScript passes. Each function returns the converted value, or throws
 * a TypeError "Expected X for Y but received Z". Called on a JS thread, inside a call from
 * JavaScript.
 */
#ifndef LITEIPC_ADDON_ARGUMENTS_H
#define LITEIPC_ADDON_ARGUMENTS_H

#include <cstdint>
#include <string>
#include <vector>

#include <napi.h>

namespace liteipc
{

[[noreturn]] void RejectArgument(const std::string &expected, const std::string &what,
                                 const Napi::Value &received);

Napi::Object CheckObject(const Napi::Value &value, const std::string &what);
Napi::Function CheckFunction(const Napi::Value &value, const std::string &what);
/* Returns a text that is not empty and has no NUL character. */
std::string CheckText(const Napi::Value &value, const std::string &what);
uint32_t CheckUint32(const Napi::Value &value, const std::string &what,
                     uint32_t maximum = UINT32_MAX);
/* Returns an integer up to 2^53 - 1. */
uint64_t CheckSize(const Napi::Value &value, const std::string &what);
std::vector<uint32_t> CheckUint32List(const Napi::Value &value, const std::string &what);

struct Bytes {
    const uint8_t *data;
    size_t size; /* bytes */
};

/*
 * Returns the bytes of a Uint8Array (or a Buffer) whose memory is attached. They are valid until
 * JavaScript runs again.
 */
Bytes CheckBytes(const Napi::Value &value, const std::string &what);

} // namespace liteipc

#endif
