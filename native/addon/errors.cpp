#include "addon/errors.h"

#include <cstdio>
#include <string>

namespace hushgrad {

OutOfMemory::OutOfMemory(const std::string& what, double bytes) {
  char size[64];
  std::snprintf(size, sizeof size, "%.1f MB (%.0f bytes)", bytes / 1e6, bytes);
  message = "out of memory: " + what + " need " + size;
}

static Napi::Error abortError(Napi::Env env, const char* message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Value().Set("name", "AbortError");
  error.Value().Set("code", "ABORT_ERR");
  return error;
}

Napi::Error toError(Napi::Env env, std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Napi::Error& error) {
    return error;
  } catch (const Cancelled& error) {
    return abortError(env, error.what());
  } catch (const OutOfMemory& error) {
    return Napi::RangeError::New(env, error.what());
  } catch (const std::bad_alloc&) {
    return Napi::RangeError::New(env, "out of memory");
  } catch (const std::invalid_argument& error) {
    return Napi::TypeError::New(env, error.what());
  } catch (const std::out_of_range& error) {
    return Napi::RangeError::New(env, error.what());
  } catch (const std::length_error& error) {
    return Napi::RangeError::New(env, error.what());
  } catch (const std::exception& error) {
    return Napi::Error::New(env, error.what());
  } catch (...) {
    return Napi::Error::New(env, "an unknown native error");
  }
}

}  // namespace hushgrad
