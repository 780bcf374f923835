// Per-example clipping and private updates on a GPU, over buffers that stay there.
#pragma once

#include <napi.h>

namespace hushgrad {

// The object `device` of the addon; src/native/binding.ts says what is in it.
Napi::Object deviceObject(Napi::Env env);

}  // namespace hushgrad
