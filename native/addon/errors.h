// C++ exceptions as JavaScript errors, in one place.
#pragma once

#include <napi.h>

#include <exception>
#include <stdexcept>

namespace hushgrad {

// Work that was asked to stop: an AbortError in JavaScript.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "The operation was aborted"; }
};

// Memory that could not be had, with its size; a RangeError in JavaScript.
class OutOfMemory : public std::bad_alloc {
 public:
  OutOfMemory(const std::string& what, double bytes);
  const char* what() const noexcept override { return message.c_str(); }

 private:
  std::string message;
};

// invalid_argument: TypeError. out_of_range, length_error, bad_alloc: RangeError. Cancelled: AbortError. Else: Error.
Napi::Error toError(Napi::Env env, std::exception_ptr failure);

// Runs `body`; what it throws becomes a JavaScript exception.
template <class Body>
auto guarded(Napi::Env env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw toError(env, std::current_exception());
  }
}

}  // namespace hushgrad
