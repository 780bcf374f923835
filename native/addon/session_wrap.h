// The JavaScript class Session: checks arguments, copies batches, hands tasks to the session's thread.
// src/native/binding.ts documents every member.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/session_core.h"
#include "addon/work_thread.h"

namespace hushgrad {

class SessionWrap : public Napi::ObjectWrap<SessionWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit SessionWrap(const Napi::CallbackInfo& info);
  ~SessionWrap() override;  // the net under a dispose() that was forgotten

 private:
  Napi::Value plan(const Napi::CallbackInfo& info);
  Napi::Value optimizerSlots(const Napi::CallbackInfo& info);
  Napi::Value inputElements(const Napi::CallbackInfo& info);
  Napi::Value outputElements(const Napi::CallbackInfo& info);
  Napi::Value targetElements(const Napi::CallbackInfo& info);
  Napi::Value targetKind(const Napi::CallbackInfo& info);

  void setParameter(const Napi::CallbackInfo& info);
  void setParameterPart(const Napi::CallbackInfo& info);
  Napi::Value getParameter(const Napi::CallbackInfo& info);
  void setOptimizerState(const Napi::CallbackInfo& info);
  Napi::Value getOptimizerState(const Napi::CallbackInfo& info);
  Napi::Value getOptimizerShared(const Napi::CallbackInfo& info);
  void setOptimizerShared(const Napi::CallbackInfo& info);
  void setNoiseKey(const Napi::CallbackInfo& info);
  void setDropoutKey(const Napi::CallbackInfo& info);
  Napi::Value noiseBuffers(const Napi::CallbackInfo& info);
  void setNoiseMemory(const Napi::CallbackInfo& info);
  Napi::Value getNoiseMemory(const Napi::CallbackInfo& info);
  Napi::Value replayNoise(const Napi::CallbackInfo& info);

  void setThresholds(const Napi::CallbackInfo& info);
  Napi::Value accumulate(const Napi::CallbackInfo& info);
  Napi::Value update(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value takeClippedSums(const Napi::CallbackInfo& info);
  Napi::Value setMask(const Napi::CallbackInfo& info);
  Napi::Value keepOnly(const Napi::CallbackInfo& info);
  void clear(const Napi::CallbackInfo& info);
  Napi::Value perExampleGradients(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  SessionCore& live(Napi::Env env);  // throws where disposed
  Session& idle(Napi::Env env);      // and where work is under way
  UpdateSpec updateSpec(const Napi::Value& value);
  size_t parameterIndex(const Napi::Value& value);
  int slotIndex(const Napi::Value& value);
  StagedBatch stage(const Napi::CallbackInfo& info, bool needsTargets, const Napi::Value& weights = Napi::Value());
  template <class Kind, class... Arguments>
  Napi::Value start(Napi::Env env, Arguments&&... arguments);
  void end(Napi::Env env);

  std::shared_ptr<SessionCore> core;
  std::shared_ptr<WorkThread> thread;
  int64_t reportedBytes = 0;
  bool hasNoiseKey = false;
};

template <class Kind, class... Arguments>
Napi::Value SessionWrap::start(Napi::Env env, Arguments&&... arguments) {
  auto task = std::make_unique<Kind>(env, core, std::forward<Arguments>(arguments)...);
  Napi::Promise promise = task->promise();
  thread->enqueue(std::move(task));
  return promise;
}

}  // namespace hushgrad
