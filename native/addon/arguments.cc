#include "addon/arguments.h"

#include <cmath>

#include "addon/errors.h"

namespace liteipc
{

namespace
{

/* Longest part of a received string that a message repeats, UTF-8 bytes. */
constexpr size_t SHOWN_TEXT_MAX = 80;

std::string DescribeText(const std::string &text)
{
    std::string shown = "\"";
    for (const char character : text.substr(0, SHOWN_TEXT_MAX)) {
        if (character == '\0') {
            shown += "\\0";
        } else {
            shown += character;
        }
    }
    return shown + (text.size() > SHOWN_TEXT_MAX ? "...\"" : "\"");
}

std::string DescribeNumber(double number)
{
    if (std::isnan(number)) {
        return "NaN";
    }
    if (std::isinf(number)) {
        return number > 0 ? "Infinity" : "-Infinity";
    }
    std::string shown = std::to_string(number);
    shown.erase(shown.find_last_not_of('0') + 1);
    if (shown.back() == '.') {
        shown.pop_back();
    }
    return shown;
}

/* Describes a value without running JavaScript: no toString, no getters. */
std::string Describe(const Napi::Value &value)
{
    switch (value.Type()) {
        case napi_undefined:
            return "undefined";
        case napi_null:
            return "null";
        case napi_boolean:
            return value.As<Napi::Boolean>().Value() ? "true" : "false";
        case napi_number:
            return DescribeNumber(value.As<Napi::Number>().DoubleValue());
        case napi_string:
            return DescribeText(value.As<Napi::String>().Utf8Value());
        case napi_symbol:
            return "a symbol";
        case napi_function:
            return "a function";
        case napi_bigint:
            return "a bigint";
        default:
            return value.IsArray() ? "an array" : "an object";
    }
}

} // namespace

void RejectArgument(const std::string &expected, const std::string &what,
                    const Napi::Value &received)
{
    throw Napi::TypeError::New(received.Env(), "Expected " + expected + " for " + what +
                                                   " but received " + Describe(received));
}

Napi::Object CheckObject(const Napi::Value &value, const std::string &what)
{
    if (!value.IsObject() || value.IsFunction()) {
        RejectArgument("an object", what, value);
    }
    return value.As<Napi::Object>();
}

Napi::Function CheckFunction(const Napi::Value &value, const std::string &what)
{
    if (!value.IsFunction()) {
        RejectArgument("a function", what, value);
    }
    return value.As<Napi::Function>();
}

std::string CheckText(const Napi::Value &value, const std::string &what)
{
    if (!value.IsString()) {
        RejectArgument("a string", what, value);
    }
    std::string text = value.As<Napi::String>().Utf8Value();
    if (text.empty() || text.find('\0') != std::string::npos) {
        RejectArgument("a string that is not empty and has no NUL character", what, value);
    }
    return text;
}

uint32_t CheckUint32(const Napi::Value &value, const std::string &what, uint32_t maximum)
{
    if (value.IsNumber()) {
        double number = value.As<Napi::Number>().DoubleValue();
        if (number >= 0 && number <= maximum && std::trunc(number) == number) {
            return static_cast<uint32_t>(number);
        }
    }
    RejectArgument("an integer from 0 to " + std::to_string(maximum), what, value);
}

uint64_t CheckSize(const Napi::Value &value, const std::string &what)
{
    constexpr double MAXIMUM = 9007199254740991;
    if (value.IsNumber()) {
        double number = value.As<Napi::Number>().DoubleValue();
        if (number >= 0 && number <= MAXIMUM && std::trunc(number) == number) {
            return static_cast<uint64_t>(number);
        }
    }
    RejectArgument("an integer from 0 to 2^53 - 1", what, value);
}

std::vector<uint32_t> CheckUint32List(const Napi::Value &value, const std::string &what)
{
    if (!value.IsArray()) {
        RejectArgument("an array of integers", what, value);
    }
    Napi::Array array = value.As<Napi::Array>();
    std::vector<uint32_t> list;
    /* The length is read each time, because a getter among the elements may have changed it. */
    for (uint32_t index = 0; index < array.Length(); index++) {
        Napi::Value element = array.Get(index);
        list.push_back(CheckUint32(element, what + "[" + std::to_string(index) + "]"));
    }
    return list;
}

Bytes CheckBytes(const Napi::Value &value, const std::string &what)
{
    if (!value.IsTypedArray() ||
        value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
        RejectArgument("a Uint8Array", what, value);
    }
    void *data = nullptr;
    size_t size = 0;
    napi_value buffer = nullptr;
    napi_status status =
        napi_get_typedarray_info(value.Env(), value, nullptr, &size, &data, &buffer, nullptr);
    Check(value.Env(), status);
    bool detached = false;
    if (size == 0) {
        status = napi_is_detached_arraybuffer(value.Env(), buffer, &detached);
        Check(value.Env(), status);
    }
    if (detached) {
        throw Napi::TypeError::New(value.Env(), "Expected a Uint8Array for " + what +
                                                    " but received one whose buffer was "
                                                    "transferred away");
    }
    return {static_cast<const uint8_t *>(data), size};
}

} // namespace liteipc
