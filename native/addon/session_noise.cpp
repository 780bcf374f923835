// What a session remembers of correlated noise, in and out. No log or error shows any of it.
#include "addon/arguments.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/session_tasks.h"
#include "addon/session_wrap.h"

namespace hushgrad {

static constexpr double kMostSteps = 9007199254740991.0;

Napi::Value SessionWrap::noiseBuffers(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), live(info.Env()).noiseBuffers);
}

static int bufferIndex(const Napi::Value& value, const SessionCore& core) {
  return static_cast<int>(wholeNumber(value, "noise buffer", 0, core.noiseBuffers - 1));
}

void SessionWrap::setNoiseMemory(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Session& session = idle(info.Env());
    const int buffer = bufferIndex(info[0], *core);
    const void* values = typedArray(info[1], "values", napi_float32_array, core->noiseMemoryFloats);
    session.setNoiseMemory(buffer, static_cast<const float*>(values));
  });
}

Napi::Value SessionWrap::getNoiseMemory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Session& session = idle(info.Env());
    const int buffer = bufferIndex(info[0], *core);
    // Read where it will stay, so that no copy is left behind.
    auto values = Napi::Float32Array::New(info.Env(), static_cast<size_t>(core->noiseMemoryFloats));
    session.getNoiseMemory(buffer, values.Data());
    return values;
  });
}

Napi::Value SessionWrap::replayNoise(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    (void)live(info.Env());
    if (!hasNoiseKey) throw Napi::Error::New(info.Env(), "noise needs a key: call setNoiseKey() first");
    const int64_t steps = wholeNumber(info[0], "steps", 0, static_cast<int64_t>(kMostSteps));
    return start<ReplayTask>(info.Env(), steps);
  });
}

}  // namespace hushgrad
