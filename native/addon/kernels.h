// Single kernels for the project's own benchmarks (bench/): no part of the library's interface.
#pragma once

#include <napi.h>

namespace hushgrad {

// The object `kernels` of the addon; src/native/binding.ts says what its functions take and give.
Napi::Object kernelsObject(Napi::Env env);

}  // namespace hushgrad
