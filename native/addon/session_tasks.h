// The calls of a session that take time, one task each (src/native/binding.ts says what they answer).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "addon/promise_task.h"

namespace hushgrad {

// Accumulates a batch, then updates where an update is given: accumulate() and step().
class StepTask : public SessionTask {
 public:
  StepTask(Napi::Env env, std::shared_ptr<SessionCore> core, StagedBatch batch, std::optional<UpdateSpec> update);
  void work() override;
  Napi::Value result(Napi::Env env) override;

 private:
  const std::optional<UpdateSpec> update;
  BatchStatistics statistics;
  UpdateResult outcome;
};

class UpdateTask : public SessionTask {
 public:
  UpdateTask(Napi::Env env, std::shared_ptr<SessionCore> core, const UpdateSpec& update);
  void work() override;
  Napi::Value result(Napi::Env env) override;

 private:
  const UpdateSpec update;
  UpdateResult outcome;
};

class ClippedSumsTask : public SessionTask {
 public:
  using SessionTask::SessionTask;
  void work() override;
  Napi::Value result(Napi::Env env) override;

 private:
  std::vector<AlignedFloats> sums;
};

class PerExampleTask : public SessionTask {
 public:
  using SessionTask::SessionTask;
  void work() override;
  Napi::Value result(Napi::Env env) override;

 private:
  std::vector<AlignedFloats> gradients;  // by parameter; null: frozen
  std::vector<double> squaredNorms, losses;
};

class MaskTask : public SessionTask {
 public:
  MaskTask(Napi::Env env, std::shared_ptr<SessionCore> core, const MaskDraw& draw);
  void work() override;
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  const MaskDraw draw;
};

class KeepTask : public SessionTask {
 public:
  KeepTask(Napi::Env env, std::shared_ptr<SessionCore> core, std::vector<uint8_t> kept);
  void work() override;
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  const std::vector<uint8_t> kept;
};

class ReplayTask : public SessionTask {
 public:
  ReplayTask(Napi::Env env, std::shared_ptr<SessionCore> core, int64_t steps);
  void work() override;
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  const int64_t steps;
};

class EvaluateTask : public SessionTask {
 public:
  using SessionTask::SessionTask;
  void work() override;
  Napi::Value result(Napi::Env env) override;

 private:
  AlignedFloats outputs;
  std::vector<double> losses;
};

}  // namespace hushgrad
