#include "addon/session_wrap.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

#include "addon/arguments.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/plan_object.h"
#include "addon/session_tasks.h"
#include "addon/spec_reader.h"

namespace hushgrad {

static constexpr int64_t kMostExamples = (int64_t{1} << 31) - 1;

Napi::Function SessionWrap::define(Napi::Env env) {
  return DefineClass(env, "Session",
                     {InstanceAccessor<&SessionWrap::plan>("plan"),
                      InstanceAccessor<&SessionWrap::optimizerSlots>("optimizerSlots"),
                      InstanceAccessor<&SessionWrap::inputElements>("inputElements"),
                      InstanceAccessor<&SessionWrap::outputElements>("outputElements"),
                      InstanceAccessor<&SessionWrap::targetElements>("targetElements"),
                      InstanceAccessor<&SessionWrap::targetKind>("targetKind"),
                      InstanceMethod<&SessionWrap::setParameter>("setParameter"),
                      InstanceMethod<&SessionWrap::setParameterPart>("setParameterPart"),
                      InstanceMethod<&SessionWrap::getParameter>("getParameter"),
                      InstanceMethod<&SessionWrap::setOptimizerState>("setOptimizerState"),
                      InstanceMethod<&SessionWrap::getOptimizerState>("getOptimizerState"),
                      InstanceMethod<&SessionWrap::getOptimizerShared>("getOptimizerShared"),
                      InstanceMethod<&SessionWrap::setOptimizerShared>("setOptimizerShared"),
                      InstanceMethod<&SessionWrap::setNoiseKey>("setNoiseKey"),
                      InstanceMethod<&SessionWrap::setDropoutKey>("setDropoutKey"),
                      InstanceAccessor<&SessionWrap::noiseBuffers>("noiseBuffers"),
                      InstanceMethod<&SessionWrap::setNoiseMemory>("setNoiseMemory"),
                      InstanceMethod<&SessionWrap::getNoiseMemory>("getNoiseMemory"),
                      InstanceMethod<&SessionWrap::replayNoise>("replayNoise"),
                      InstanceMethod<&SessionWrap::setThresholds>("setThresholds"),
                      InstanceMethod<&SessionWrap::accumulate>("accumulate"),
                      InstanceMethod<&SessionWrap::update>("update"),
                      InstanceMethod<&SessionWrap::step>("step"),
                      InstanceMethod<&SessionWrap::takeClippedSums>("takeClippedSums"),
                      InstanceMethod<&SessionWrap::setMask>("setMask"),
                      InstanceMethod<&SessionWrap::keepOnly>("keepOnly"),
                      InstanceMethod<&SessionWrap::clear>("clear"),
                      InstanceMethod<&SessionWrap::perExampleGradients>("perExampleGradients"),
                      InstanceMethod<&SessionWrap::evaluate>("evaluate"),
                      InstanceMethod<&SessionWrap::cancel>("cancel"),
                      InstanceMethod<&SessionWrap::dispose>("dispose")});
}

SessionWrap::SessionWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionWrap>(info) {
  Napi::Env env = info.Env();
  guarded(env, [&] {
    core = std::make_shared<SessionCore>(readSessionSpec(info[0]));
    // Everything of a session runs on its one thread, construction too: OpenMP keeps a team of threads for each
    // thread that opens a parallel region.
    thread = WorkThread::start(
        env, [core = core] { core->make(); }, [core = core] { core->session.reset(); });
    reportedBytes = core->plan.totalBytes;
    Napi::MemoryManagement::AdjustExternalMemory(env, reportedBytes);
  });
}

SessionWrap::~SessionWrap() {
  end(Env());
}

void SessionWrap::end(Napi::Env env) {
  if (!thread) return;
  thread->close();
  thread.reset();
  core->staging.close(env);
  core.reset();
  Napi::MemoryManagement::AdjustExternalMemory(env, -reportedBytes);
}

void SessionWrap::dispose(const Napi::CallbackInfo& info) {
  end(info.Env());
}

void SessionWrap::cancel(const Napi::CallbackInfo&) {
  if (thread) thread->cancel();
}

// ---- Checks

SessionCore& SessionWrap::live(Napi::Env env) {
  if (thread) return *core;
  throw Napi::Error::New(env, "the session has been disposed");
}

Session& SessionWrap::idle(Napi::Env env) {
  SessionCore& shared = live(env);
  if (thread->idle()) return *shared.session;
  throw Napi::Error::New(env, "the session is at work: await the call under way first");
}

size_t SessionWrap::parameterIndex(const Napi::Value& value) {
  int64_t count = static_cast<int64_t>(core->parameterElements.size());
  return static_cast<size_t>(wholeNumber(value, "parameter index", 0, count - 1));
}

int SessionWrap::slotIndex(const Napi::Value& value) {
  return static_cast<int>(wholeNumber(value, "slot", 0, core->optimizerSlots - 1));
}

UpdateSpec SessionWrap::updateSpec(const Napi::Value& value) {
  UpdateSpec spec = readUpdateSpec(value);
  if (spec.noiseDeviation == 0 || hasNoiseKey) return spec;
  throw Napi::Error::New(value.Env(), "noise needs a key: call setNoiseKey() first");
}

StagedBatch SessionWrap::stage(const Napi::CallbackInfo& info, bool needsTargets, const Napi::Value& givenWeights) {
  SessionCore& shared = live(info.Env());
  const int64_t examples = wholeNumber(info[2], "examples", 0, kMostExamples);
  const int64_t views = needsTargets ? shared.spec.model.views : 1;  // evaluated, each is an example of its own
  const int64_t inputElements = views * shared.inputElements, targetElements = views * shared.targetElements;
  const void* inputs = typedArray(info[0], "inputs", napi_float32_array, examples * inputElements);
  const void* targets = nullptr;
  if (needsTargets || !info[1].IsNull()) {
    auto type = shared.targetKind == TargetKind::classes ? napi_int32_array : napi_float32_array;
    targets = typedArray(info[1], "targets", type, examples * targetElements);
  }
  const void* weights = nullptr;
  if (!givenWeights.IsEmpty() && !givenWeights.IsUndefined() && !givenWeights.IsNull())
    weights = typedArray(givenWeights, "weights", napi_float32_array, examples);
  return shared.staging.copy(info.Env(), examples, inputs, inputElements, targets, targetElements, weights);
}

// ---- What the session is

Napi::Value SessionWrap::plan(const Napi::CallbackInfo& info) {
  return planObject(info.Env(), live(info.Env()).plan);
}

Napi::Value SessionWrap::optimizerSlots(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), live(info.Env()).optimizerSlots);
}

Napi::Value SessionWrap::inputElements(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(live(info.Env()).inputElements));
}

Napi::Value SessionWrap::outputElements(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(live(info.Env()).outputElements));
}

Napi::Value SessionWrap::targetElements(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(live(info.Env()).targetElements));
}

Napi::Value SessionWrap::targetKind(const Napi::CallbackInfo& info) {
  bool classes = live(info.Env()).targetKind == TargetKind::classes;
  return Napi::String::New(info.Env(), classes ? "classes" : "values");
}

// ---- Calls that answer at once

void SessionWrap::setParameter(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Session& session = idle(info.Env());
    size_t index = parameterIndex(info[0]);
    const void* values = typedArray(info[1], "values", napi_float32_array, core->parameterElements[index]);
    session.setParameter(index, static_cast<const float*>(values));
  });
}

void SessionWrap::setParameterPart(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Session& session = idle(info.Env());
    size_t index = parameterIndex(info[0]);
    int64_t count = info[2].IsTypedArray() ? static_cast<int64_t>(info[2].As<Napi::TypedArray>().ElementLength()) : 0;
    int64_t first = wholeNumber(info[1], "first", 0, core->parameterElements[index] - count);
    const void* values = typedArray(info[2], "values", napi_float32_array, count);
    session.setParameterPart(index, first, count, static_cast<const float*>(values));
  });
}

Napi::Value SessionWrap::getParameter(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Session& session = idle(info.Env());
    size_t index = parameterIndex(info[0]);
    int64_t elements = core->parameterElements[index];
    AlignedFloats values = allocateFloats(static_cast<double>(elements), "a parameter's values");
    session.getParameter(index, values.get());
    return Environment::of(info.Env()).floats(info.Env(), values.get(), static_cast<size_t>(elements));
  });
}

void SessionWrap::setOptimizerState(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Session& session = idle(info.Env());
    size_t index = parameterIndex(info[0]);
    int slot = slotIndex(info[1]);
    const void* values = typedArray(info[2], "values", napi_float32_array, core->parameterElements[index]);
    session.setOptimizerState(index, slot, static_cast<const float*>(values));
  });
}

Napi::Value SessionWrap::getOptimizerState(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Session& session = idle(info.Env());
    size_t index = parameterIndex(info[0]);
    int slot = slotIndex(info[1]);
    int64_t elements = core->parameterElements[index];
    AlignedFloats values = allocateFloats(static_cast<double>(elements), "optimizer state");
    session.getOptimizerState(index, slot, values.get());
    return Environment::of(info.Env()).floats(info.Env(), values.get(), static_cast<size_t>(elements));
  });
}

Napi::Value SessionWrap::getOptimizerShared(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::vector<double>& numbers = idle(info.Env()).optimizerShared();
    auto result = Napi::Float64Array::New(info.Env(), numbers.size());
    std::copy(numbers.begin(), numbers.end(), result.Data());
    return result;
  });
}

void SessionWrap::setOptimizerShared(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Session& session = idle(info.Env());
    const size_t count = session.optimizerShared().size();
    auto values =
        static_cast<const double*>(typedArray(info[0], "numbers", napi_float64_array, static_cast<int64_t>(count)));
    session.setOptimizerShared({values, values + count});
  });
}

void SessionWrap::setNoiseKey(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Session& session = idle(info.Env());
    NoiseKey key;
    std::memcpy(key.data(), typedArray(info[0], "key", napi_uint8_array, key.size()), key.size());
    session.setNoiseKey(key);
    OPENSSL_cleanse(key.data(), key.size());
    hasNoiseKey = true;
  });
}

void SessionWrap::setDropoutKey(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Session& session = idle(info.Env());
    uint64_t key = 0;
    std::memcpy(&key, typedArray(info[0], "key", napi_uint8_array, sizeof key), sizeof key);
    session.setDropoutKey(key);
  });
}

void SessionWrap::setThresholds(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Session& session = idle(info.Env());
    int groups = core->spec.clipping.groups();
    auto values = static_cast<const double*>(typedArray(info[0], "thresholds", napi_float64_array, groups));
    for (int group = 0; group < groups; ++group)
      (void)finiteNumber(Napi::Number::New(info.Env(), values[group]), "thresholds", 0, true);
    session.setThresholds(values);
  });
}

void SessionWrap::clear(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    (void)idle(info.Env());
    core->clear();
  });
}

// ---- Calls that take time

Napi::Value SessionWrap::accumulate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    StagedBatch batch = stage(info, true, info[3]);
    return start<StepTask>(info.Env(), std::move(batch), std::nullopt);
  });
}

Napi::Value SessionWrap::step(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    (void)live(info.Env());
    UpdateSpec update = updateSpec(info[3]);
    StagedBatch batch = stage(info, true, info[4]);
    return start<StepTask>(info.Env(), std::move(batch), update);
  });
}

Napi::Value SessionWrap::update(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    UpdateSpec update = updateSpec(info[0]);
    (void)live(info.Env());  // last: a getter of the argument may have disposed the session
    return start<UpdateTask>(info.Env(), update);
  });
}

Napi::Value SessionWrap::takeClippedSums(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    (void)live(info.Env());
    return start<ClippedSumsTask>(info.Env());
  });
}

Napi::Value SessionWrap::setMask(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    (void)live(info.Env());
    return start<MaskTask>(info.Env(), readMaskDraw(info[0], info[1], info[2]));
  });
}

Napi::Value SessionWrap::keepOnly(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t count = live(info.Env()).trainableElements();
    auto kept = static_cast<const uint8_t*>(typedArray(info[0], "kept", napi_uint8_array, count));
    return start<KeepTask>(info.Env(), std::vector<uint8_t>(kept, kept + count));
  });
}

Napi::Value SessionWrap::perExampleGradients(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return start<PerExampleTask>(info.Env(), stage(info, true)); });
}

Napi::Value SessionWrap::evaluate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return start<EvaluateTask>(info.Env(), stage(info, false)); });
}

}  // namespace hushgrad
