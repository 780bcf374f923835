// discreteNoise() of src/native/binding.ts.
#pragma once

#include <napi.h>

namespace hushgrad {

Napi::Function discreteNoiseFunction(Napi::Env env);

}  // namespace hushgrad
