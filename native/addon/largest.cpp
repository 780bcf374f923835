#include "addon/largest.h"

#include "addon/arguments.h"
#include "addon/errors.h"
#include "privatize/top_k.h"

namespace hushgrad {

static Napi::Value mark(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t length =
        info[0].IsTypedArray() ? static_cast<int64_t>(info[0].As<Napi::TypedArray>().ElementLength()) : 0;
    auto values = static_cast<const float*>(typedArray(info[0], "values", napi_float32_array, length));
    const int64_t count = wholeNumber(info[1], "count", 1, length);
    auto marks = Napi::Uint8Array::New(info.Env(), static_cast<size_t>(length));
    markLargest(values, length, count, marks.Data());
    return marks;
  });
}

Napi::Function largestFunction(Napi::Env env) {
  return Napi::Function::New(env, mark, "largest");
}

}  // namespace hushgrad
