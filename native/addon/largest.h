// largest() of src/native/binding.ts.
#pragma once

#include <napi.h>

namespace hushgrad {

Napi::Function largestFunction(Napi::Env env);

}  // namespace hushgrad
