#include "addon/arguments.h"

#include <cmath>

namespace hushgrad {

static const char* typeName(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
      return "Int8Array";
    case napi_uint8_array:
      return "Uint8Array";
    case napi_uint8_clamped_array:
      return "Uint8ClampedArray";
    case napi_int16_array:
      return "Int16Array";
    case napi_uint16_array:
      return "Uint16Array";
    case napi_int32_array:
      return "Int32Array";
    case napi_uint32_array:
      return "Uint32Array";
    case napi_float32_array:
      return "Float32Array";
    case napi_float64_array:
      return "Float64Array";
    case napi_bigint64_array:
      return "BigInt64Array";
    case napi_biguint64_array:
      return "BigUint64Array";
    default:
      return "typed array";
  }
}

std::string describe(const Napi::Value& value) {
  if (value.IsEmpty() || value.IsUndefined()) return "nothing";
  if (value.IsNull()) return "null";
  if (value.IsNumber()) return value.ToString().Utf8Value();
  if (value.IsString()) return "'" + value.As<Napi::String>().Utf8Value() + "'";
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value() ? "true" : "false";
  if (value.IsArray()) return "an array of " + std::to_string(value.As<Napi::Array>().Length());
  if (value.IsFunction()) return "a function";
  if (!value.IsTypedArray()) return value.IsObject() ? "an object" : "a value of another type";
  auto array = value.As<Napi::TypedArray>();
  return std::string(typeName(array.TypedArrayType())) + " of " + std::to_string(array.ElementLength());
}

static Napi::TypeError wrongType(const Napi::Value& value, const std::string& name, const std::string& expected) {
  return Napi::TypeError::New(value.Env(), name + ": got " + describe(value) + ", expected " + expected);
}

static Napi::RangeError wrongRange(const Napi::Value& value, const std::string& name, const std::string& expected) {
  return Napi::RangeError::New(value.Env(), name + ": got " + describe(value) + ", expected " + expected);
}

int64_t wholeNumber(const Napi::Value& value, const std::string& name, int64_t least, int64_t most) {
  std::string expected = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value.IsNumber()) throw wrongType(value, name, expected);
  double number = value.As<Napi::Number>().DoubleValue();
  bool whole = std::isfinite(number) && std::floor(number) == number;
  if (!whole || number < static_cast<double>(least) || number > static_cast<double>(most))
    throw wrongRange(value, name, expected);
  return static_cast<int64_t>(number);
}

double finiteNumber(const Napi::Value& value, const std::string& name, double least, bool above) {
  std::string expected = std::string("a finite number ") + (above ? "> " : "≥ ") + std::to_string(least);
  if (!value.IsNumber()) throw wrongType(value, name, expected);
  double number = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number) || number < least || (above && number == least)) throw wrongRange(value, name, expected);
  return number;
}

bool flag(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) throw wrongType(value, name, "true or false");
  return value.As<Napi::Boolean>().Value();
}

std::string text(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) throw wrongType(value, name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

Napi::Object object(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || value.IsArray() || value.IsFunction()) throw wrongType(value, name, "an object");
  return value.As<Napi::Object>();
}

Napi::Array list(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray()) throw wrongType(value, name, "an array");
  return value.As<Napi::Array>();
}

const void* typedArray(const Napi::Value& value, const std::string& name, napi_typedarray_type type, int64_t elements) {
  std::string expected = std::string(typeName(type)) + " of " + std::to_string(elements);
  if (!value.IsTypedArray()) throw wrongType(value, name, expected);

  // Node leaves the type as it is where it does not know it (a Float16Array): let it be one that nobody asks for.
  napi_typedarray_type actual = napi_biguint64_array;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_status status = napi_get_typedarray_info(value.Env(), value, &actual, &length, &data, &buffer, nullptr);
  if (status != napi_ok) throw wrongType(value, name, expected);
  if (actual != type) throw wrongType(value, name, expected);

  bool detached = false;
  napi_is_detached_arraybuffer(value.Env(), buffer, &detached);
  if (detached) throw Napi::TypeError::New(value.Env(), name + ": its buffer is detached, expected " + expected);
  if (static_cast<int64_t>(length) != elements) throw wrongRange(value, name, expected);
  return data;
}

}  // namespace hushgrad
