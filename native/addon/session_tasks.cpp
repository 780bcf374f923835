#include "addon/session_tasks.h"

#include "addon/environment.h"
#include "addon/errors.h"

namespace hushgrad {

static Napi::Array countsArray(Napi::Env env, const std::vector<int64_t>& counts, int groups) {
  Napi::Array array = Napi::Array::New(env, static_cast<size_t>(groups));
  for (int g = 0; g < groups; ++g) {
    size_t group = static_cast<size_t>(g);
    array.Set(static_cast<uint32_t>(g), static_cast<double>(group < counts.size() ? counts[group] : 0));
  }
  return array;
}

static Napi::Object statisticsObject(Napi::Env env, const BatchStatistics& statistics, int groups) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("examples", static_cast<double>(statistics.examples));
  object.Set("leftOut", static_cast<double>(statistics.leftOut));
  object.Set("clipped", static_cast<double>(statistics.clipped));
  object.Set("lossSum", statistics.lossSum);
  object.Set("normSum", statistics.normSum);
  object.Set("within", countsArray(env, statistics.within, groups));
  return object;
}

static Napi::Array movedArray(Napi::Env env, const UpdateResult& outcome) {
  Napi::Array moved = Napi::Array::New(env, outcome.moved.size());
  for (size_t i = 0; i < outcome.moved.size(); ++i) {
    moved.Set(static_cast<uint32_t>(i), Napi::Boolean::New(env, outcome.moved[i]));
  }
  return moved;
}

// ---- accumulate and step

StepTask::StepTask(Napi::Env env, std::shared_ptr<SessionCore> core, StagedBatch batch,
                   std::optional<UpdateSpec> update)
    : SessionTask(env, std::move(core), std::move(batch)), update(std::move(update)) {}

void StepTask::work() {
  bool finished = !cancelled && session().accumulate(batch.view, &cancelled);
  // A cancel that came too late for the last chunk still comes before the update.
  if (!finished || (update && cancelled)) {
    core->clear();
    throw Cancelled();
  }
  core->gather();
  statistics = core->sinceUpdate;
  if (!update) return;
  core->sinceUpdate = {};
  outcome = session().update(*update);
}

Napi::Value StepTask::result(Napi::Env env) {
  Napi::Object object = statisticsObject(env, statistics, core->spec.clipping.groups());
  if (update) object.Set("moved", movedArray(env, outcome));
  return object;
}

// ---- update

UpdateTask::UpdateTask(Napi::Env env, std::shared_ptr<SessionCore> core, const UpdateSpec& update)
    : SessionTask(env, std::move(core)), update(update) {}

void UpdateTask::work() {
  // What was accumulated before the cancel must not leak into a later update.
  if (cancelled) {
    core->clear();
    throw Cancelled();
  }
  core->sinceUpdate = {};
  outcome = session().update(update);
}

Napi::Value UpdateTask::result(Napi::Env env) {
  return movedArray(env, outcome);
}

// ---- takeClippedSums

void ClippedSumsTask::work() {
  if (cancelled) {
    core->clear();
    throw Cancelled();
  }
  for (size_t i = 0; i < core->parameterElements.size(); ++i) {
    sums.push_back(nullptr);
    if (!core->trainable(i)) continue;
    sums.back() = allocateFloats(static_cast<double>(core->parameterElements[i]), "clipped sums");
  }
  std::vector<float*> values;
  for (const AlignedFloats& sum : sums) values.push_back(sum.get());
  session().takeClippedSums(values.data());
  core->clear();
}

static Napi::Float32Array floatsOrEmpty(Napi::Env env, AlignedFloats& values, int64_t count) {
  AlignedFloats held = std::move(values);  // freed here: two copies of everything at once would be too much
  return Environment::of(env).floats(env, held.get(), held ? static_cast<size_t>(count) : 0);
}

Napi::Value ClippedSumsTask::result(Napi::Env env) {
  Napi::Array array = Napi::Array::New(env, sums.size());
  for (size_t i = 0; i < sums.size(); ++i) {
    array.Set(static_cast<uint32_t>(i), floatsOrEmpty(env, sums[i], core->parameterElements[i]));
  }
  return array;
}

// ---- perExampleGradients

void PerExampleTask::work() {
  stopIfCancelled();
  const double examples = static_cast<double>(batch.view.examples);
  std::vector<float*> pointers;
  for (size_t i = 0; i < core->parameterElements.size(); ++i) {
    gradients.push_back(nullptr);
    if (core->trainable(i)) {
      gradients.back() =
          allocateFloats(examples * static_cast<double>(core->parameterElements[i]), "per-example gradients");
    }
    pointers.push_back(gradients.back().get());
  }
  squaredNorms.resize(static_cast<size_t>(core->spec.clipping.groups() * batch.view.examples));
  losses.resize(static_cast<size_t>(batch.view.examples));
  if (batch.view.examples == 0) return;
  session().perExampleGradients(batch.view, pointers.data(), squaredNorms.data(), losses.data());
}

Napi::Value PerExampleTask::result(Napi::Env env) {
  const int64_t examples = static_cast<int64_t>(losses.size());
  Napi::Array array = Napi::Array::New(env, gradients.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    array.Set(static_cast<uint32_t>(i), floatsOrEmpty(env, gradients[i], examples * core->parameterElements[i]));
  }
  Environment& environment = Environment::of(env);
  Napi::Object object = Napi::Object::New(env);
  object.Set("gradients", array);
  object.Set("squaredNorms", environment.doubles(env, squaredNorms.data(), squaredNorms.size()));
  object.Set("losses", environment.doubles(env, losses.data(), losses.size()));
  return object;
}

// ---- setMask

MaskTask::MaskTask(Napi::Env env, std::shared_ptr<SessionCore> core, const MaskDraw& draw)
    : SessionTask(env, std::move(core)), draw(draw) {}

void MaskTask::work() {
  stopIfCancelled();
  session().setMask(draw);
}

KeepTask::KeepTask(Napi::Env env, std::shared_ptr<SessionCore> core, std::vector<uint8_t> kept)
    : SessionTask(env, std::move(core)), kept(std::move(kept)) {}

void KeepTask::work() {
  stopIfCancelled();
  session().keepOnly(kept.data());
}

// ---- replayNoise

ReplayTask::ReplayTask(Napi::Env env, std::shared_ptr<SessionCore> core, int64_t steps)
    : SessionTask(env, std::move(core)), steps(steps) {}

void ReplayTask::work() {
  stopIfCancelled();
  session().replayNoise(steps);
}

// ---- evaluate

void EvaluateTask::work() {
  stopIfCancelled();
  const double examples = static_cast<double>(batch.view.examples);
  outputs = allocateFloats(examples * static_cast<double>(core->outputElements), "outputs");
  const bool wantsLosses = batch.view.targets != nullptr;
  losses.resize(wantsLosses ? static_cast<size_t>(batch.view.examples) : 0);
  if (batch.view.examples == 0) return;
  session().evaluate(batch.view, outputs.get(), wantsLosses ? losses.data() : nullptr);
}

Napi::Value EvaluateTask::result(Napi::Env env) {
  const int64_t count = batch.view.examples * core->outputElements;
  Napi::Object object = Napi::Object::New(env);
  object.Set("outputs", floatsOrEmpty(env, outputs, count));
  object.Set("losses", Environment::of(env).doubles(env, losses.data(), losses.size()));
  return object;
}

}  // namespace hushgrad
