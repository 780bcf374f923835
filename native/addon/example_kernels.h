// The kernels over the caller's own per-example gradients (src/kernels/), synchronous or on the kernels' thread.
#pragma once

#include <napi.h>

namespace hushgrad {

// The object `examples` of the addon; src/native/binding.ts says what its functions take and give.
Napi::Object exampleKernelsObject(Napi::Env env);

}  // namespace hushgrad
