// Checks of what comes over the border: each names the argument, what came and what is allowed.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

namespace hushgrad {

// A short description of a value for messages: "a string", "NaN", "Float64Array of 3".
std::string describe(const Napi::Value& value);

// A whole number in [least, most]; NaN and infinities are refused. TypeError or RangeError.
int64_t wholeNumber(const Napi::Value& value, const std::string& name, int64_t least, int64_t most);
// A finite number ≥ least (> least where `above`).
double finiteNumber(const Napi::Value& value, const std::string& name, double least, bool above = false);
bool flag(const Napi::Value& value, const std::string& name);
std::string text(const Napi::Value& value, const std::string& name);
Napi::Object object(const Napi::Value& value, const std::string& name);
Napi::Array list(const Napi::Value& value, const std::string& name);

// A typed array of the given type and exactly `elements` long, in a buffer that has not been detached.
const void* typedArray(const Napi::Value& value, const std::string& name, napi_typedarray_type type, int64_t elements);

}  // namespace hushgrad
