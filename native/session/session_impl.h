// What a session holds. Private to session*.cpp.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "backend/parallel.h"
#include "privatize/privatize.h"
#include "session/deferred_sums.h"
#include "session/integer_sums.h"
#include "session/program.h"
#include "session/session.h"
#include "session/session_mask.h"

namespace hushgrad {

// A range of one parameter, updated by one worker at a time.
struct UpdateTask {
  size_t parameter;
  int64_t first, count;
  uint64_t noiseFirst;  // number of its first noise sample
  bool whole;           // in an order of its own, so that it has to be brought into PyTorch's as a whole
  bool deferred;        // a tile of a deferred sum
  int64_t topKFirst;    // where it begins in the memory of top-k
};

class Session::Impl {
 public:
  explicit Impl(SessionSpec given);

  SessionSpec spec;
  Backend& backend;
  const StrategyRow& strategy;
  Graph graph;
  std::vector<Method> methods;
  int threads = 1, lanes = 1;
  int64_t chunkSize = 1, sliceSize = 1;

  // A further copy of the layers: for packing weights, unpacking gradients and the plan.
  std::vector<std::unique_ptr<Layer>> layers;
  GradientLayout layout;

  FloatMemory parameterMemory, stateMemory, packedMemory, laneMemory, unpackedMemory;
  std::vector<float*> parameters;           // by parameter
  std::vector<std::vector<float*>> states;  // by parameter and slot, top-k's candidates last
  std::vector<float*> packed;               // by node; null: nothing to pack
  int64_t parameterFloats = 0, packedFloats = 0, unpackedFloats = 0;

  std::unique_ptr<SessionMask> mask;               // null without sparsification
  std::vector<std::unique_ptr<Program>> programs;  // by worker
  std::unique_ptr<Program> diagnostics;            // writes out gradients one by one; made when first asked for
  std::unique_ptr<Optimizer> optimizer;
  std::vector<double> optimizerShared;  // its shared numbers
  std::unique_ptr<TopK> topK;           // null: the optimizer sees every coordinate
  GaussianNoise noise;
  std::unique_ptr<CorrelatedNoise> correlation;  // null: every step's noise is its own

  // Made beforehand, so that a step allocates nothing.
  std::vector<UpdateTask> updateTasks;
  std::vector<uint64_t> fingerprints;               // by parameter
  std::vector<std::vector<const float*>> taskSums;  // by worker and lane
  std::vector<std::vector<float*>> taskStates;      // by worker and slot
  std::vector<BatchStatistics> laneStatistics;
  std::unique_ptr<DeferredSums> deferred;
  std::unique_ptr<IntegerSums> integers;  // null where sums are floats
  std::vector<double> carried;   // [columns]: the sums of earlier slices of this step; made at the first second slice
  bool carries = false;          // whether it holds anything
  std::vector<char> freshLanes;  // by lane: nothing was added since the last update, and memory holds old sums

  bool packedIsStale = true;
  bool updated = false;                     // whether update() has been called
  uint64_t accumulated = 0;                 // examples since the last update
  uint64_t noiseStream = 0;                 // of the latest update; only grows: never the same twice under one key
  uint64_t stepsTaken = 0, dropoutKey = 0;  // steps since the dropout key was set
  BatchStatistics statistics;
  SessionPlan plan;

  int stateSlots() const { return optimizer->slots() + (spec.topK ? 1 : 0); }
  bool masked() const { return spec.sparsification != Sparsification::none; }
  float* laneSums(int lane) { return laneMemory.get() + lane * layout.laneColumns; }
  uint64_t stepDropoutKey() const { return dropoutKey + 0xd1342543de82ef95u * (stepsTaken + 1); }

  // session.cpp
  void choose();
  void prepareFor(int64_t examples);  // layers, and methods, for chunks of so many
  int64_t ownChunkSize();
  void allocate();
  ProgramSetup programSetup(const StrategyRow& row, std::vector<Method> methods, int64_t capacity) const;
  void describe();

  // session_run.cpp
  void pack();
  bool accumulate(const BatchView& batch, const std::atomic<bool>* cancelled);
  bool accumulateSlice(const BatchView& slice, const std::atomic<bool>* cancelled);
  void evaluate(const BatchView& batch, float* outputs, double* losses);
  void perExampleGradients(const BatchView& batch, float* const* gradients, double* squaredNorms, double* losses);
  Chunk cut(const BatchView& batch, int64_t chunk, int64_t chunks) const;
  int64_t chunkCount(int64_t examples) const;
  int64_t targetFloats() const { return graph.views * programs[0]->lossFunction().targetElements(); }  // an example

  // session_update.cpp
  UpdateResult update(const UpdateSpec& given);
  OptimizerStep optimizerStep(const UpdateSpec& update);
  void replayNoise(int64_t steps);
  float* noiseMemory(int buffer);
  void takeClippedSums(float* const* values);
  void changeMask(const std::function<void(SessionMask&)>& change);
  SlotMask slotMask(size_t parameter) const { return mask ? mask->slot(parameter) : SlotMask{}; }
  void planUpdate();
  void forEachTask(const std::function<void(const UpdateTask&, int worker)>& work);
  void privatizeAll(const UpdateSpec& update);
  PrivatizeRange targetOf(const UpdateTask& task, int worker);
  bool hasNoiseKey() const { return integers ? integers->noise().hasKey() : noise.hasKey(); }
  const float* integerTile(const UpdateTask& task, double noiseDeviation, int worker);
  PrivatizeRange noisySumOf(const UpdateTask& task, const UpdateSpec& update, int worker);
  const float* deferredTile(const UpdateTask& task, int worker);
  void mergeLanes(size_t parameter, float* values);
  void carrySums();
  void settleLanes();
  void forgetSums();
  void clear();
};

}  // namespace hushgrad
