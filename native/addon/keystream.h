// keystream() of src/native/binding.ts.
#pragma once

#include <napi.h>

namespace hushgrad {

Napi::Function keystreamFunction(Napi::Env env);

}  // namespace hushgrad
