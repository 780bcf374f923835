// A session's plan as the plain object of src/native/binding.ts.
#pragma once

#include <napi.h>

#include "session/session.h"

namespace hushgrad {

Napi::Object planObject(Napi::Env env, const SessionPlan& plan);

}  // namespace hushgrad
