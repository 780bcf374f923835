// Noise and optimizer over all parameters, spread over the workers.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "session/session_impl.h"

namespace hushgrad {

// Floats of one task: a few noise blocks, so that sums, noise, parameter and state meet in the nearest cache.
static constexpr int64_t kTaskFloats = 16 * GaussianNoise::kBlock;
static_assert(kTaskFloats <= IntegerSums::kTileFloats && GaussianNoise::kBlock % DiscreteGaussian::kBlock == 0,
              "a task is one tile of integers, and starts where a block of their noise does");

// FNV-1a over the parameter's words: tells whether an update moved it, without a copy.
static uint64_t fingerprint(const float* values, int64_t count) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t word;
    std::memcpy(&word, values + i, sizeof word);
    hash = (hash ^ word) * 0x100000001b3u;
  }
  return hash;
}

// The clipped sum of one parameter in PyTorch's order. For a parameter in an order of its own, lane 0 takes in the
// others.
void Session::Impl::mergeLanes(size_t parameter, float* values) {
  const GradientLayout::Place& place = layout.parameters[parameter];
  for (int lane = 1; lane < lanes; ++lane)
    backend.add(place.floats, laneSums(lane) + place.offset, laneSums(0) + place.offset);
  layout.unpack(parameter, layers, laneSums(0) + place.offset, values);
}

void Session::Impl::planUpdate() {
  constexpr int64_t kBlock = GaussianNoise::kBlock;
  float* candidates = stateMemory.get() + optimizer->slots() * parameterFloats;
  int64_t noiseFirst = 0, trainable = 0;
  for (size_t p = 0; p < parameters.size(); ++p) {
    const GradientLayout::Place& place = layout.parameters[p];
    if (!place.trained) continue;
    int64_t count = elementCount(graph.parameters[p].shape);
    bool whole = !integers && place.ownOrder;
    int64_t size = whole ? count : place.deferred ? DeferredSums::kTileFloats : kTaskFloats;
    for (int64_t first = 0; first < count; first += size)
      updateTasks.push_back({p, first, std::min(size, count - first), static_cast<uint64_t>(noiseFirst + first), whole,
                             place.deferred, spec.topK ? states[p].back() + first - candidates : 0});
    trainable += count;
    noiseFirst += (count + kBlock - 1) / kBlock * kBlock;
  }
  if (spec.topK) {
    topK = std::make_unique<TopK>(sentOf(*spec.topK, trainable), spec.topK->errorFeedback, candidates, parameterFloats,
                                  threads);
  }
  if (spec.correlation) correlation = std::make_unique<CorrelatedNoise>(*spec.correlation, noiseFirst);
  fingerprints.resize(parameters.size());
  taskSums.assign(static_cast<size_t>(threads), std::vector<const float*>(static_cast<size_t>(lanes)));
  taskStates.assign(static_cast<size_t>(threads), std::vector<float*>(static_cast<size_t>(optimizer->slots())));
}

void Session::Impl::forEachTask(const std::function<void(const UpdateTask&, int)>& work) {
  std::atomic<size_t> next{0};
  inParallel(threads, [&](int worker) {
    for (size_t t = next++; t < updateTasks.size(); t = next++) work(updateTasks[t], worker);
  });
}

// What the slices before left is in `carried`, and this slice's operands with it.
const float* Session::Impl::deferredTile(const UpdateTask& task, int worker) {
  if (!carries) return deferred->tile(task.parameter, slotMask(task.parameter), task.first, task.count, worker);
  float* room = deferred->room(worker);
  const double* from = carried.data() + layout.parameters[task.parameter].offset + task.first;
  for (int64_t i = 0; i < task.count; ++i) room[i] = static_cast<float>(from[i]);
  return room;
}

// σ·S in units of the grid, rounded up: a whole number, and never less noise than was accounted for. What is added to
// it outweighs the rounding of the division.
static uint64_t integerDeviation(double noiseDeviation, double grid) {
  return noiseDeviation > 0 ? static_cast<uint64_t>(std::ceil(noiseDeviation / grid)) + 1 : 0;
}

const float* Session::Impl::integerTile(const UpdateTask& task, double noiseDeviation, int worker) {
  const double grid = spec.clipping.grid();
  return integers->tile({task.parameter, task.first, task.count, task.noiseFirst,
                         integerDeviation(noiseDeviation, grid), noiseStream, grid},
                        worker);
}

// What a task updates.
PrivatizeRange Session::Impl::targetOf(const UpdateTask& task, int worker) {
  std::vector<float*>& state = taskStates[static_cast<size_t>(worker)];
  for (size_t slot = 0; slot < state.size(); ++slot) state[slot] = states[task.parameter][slot] + task.first;
  const uint8_t* bits = mask ? mask->bits(task.parameter) : nullptr;
  PrivatizeRange range{};
  range.count = task.count;
  range.parameter = parameters[task.parameter] + task.first;
  range.state = state.data();
  range.worker = worker;
  range.mask = bits ? bits + task.first / 8 : nullptr;
  return range;
}

// And from what.
PrivatizeRange Session::Impl::noisySumOf(const UpdateTask& task, const UpdateSpec& update, int worker) {
  const GradientLayout::Place& place = layout.parameters[task.parameter];
  std::vector<const float*>& sums = taskSums[static_cast<size_t>(worker)];
  float* unpacked = unpackedMemory.get() + worker * unpackedFloats;
  const bool oneSum = task.whole || task.deferred || integers;
  if (task.whole) mergeLanes(task.parameter, unpacked);
  if (task.whole) sums[0] = unpacked;
  if (task.deferred) sums[0] = deferredTile(task, worker);
  if (integers) sums[0] = integerTile(task, update.noiseDeviation, worker);
  for (int lane = 0; lane < lanes && !oneSum; ++lane)
    sums[static_cast<size_t>(lane)] = laneSums(lane) + place.offset + task.first;

  PrivatizeRange range = targetOf(task, worker);
  range.lanes = oneSum ? 1 : lanes;
  range.sums = sums.data();
  range.noise = integers ? nullptr : &noise;  // integers have theirs already
  range.correlation = correlation.get();
  range.noiseDeviation = update.noiseDeviation;
  range.noiseStream = noiseStream;
  range.noiseFirst = task.noiseFirst;
  range.normalizer = update.normalizer;
  return range;
}

void Session::Impl::privatizeAll(const UpdateSpec& update) {
  if (!topK) {
    return forEachTask([&](const UpdateTask& task, int worker) {
      privatizeAndUpdate(noisySumOf(task, update, worker), *optimizer, update.optimizer);
    });
  }
  topK->begin();
  forEachTask([&](const UpdateTask& task, int worker) {
    privatizeInto(*topK, task.topKFirst, noisySumOf(task, update, worker));
  });
  topK->select();
  forEachTask([&](const UpdateTask& task, int worker) {
    updateFrom(*topK, task.topKFirst, targetOf(task, worker), *optimizer, update.optimizer);
  });
}

// The step as the optimizer takes it.
OptimizerStep Session::Impl::optimizerStep(const UpdateSpec& update) {
  OptimizerStep step = update.optimizer;
  const double deviation = update.noiseDeviation / update.normalizer;
  step.noiseVariance = deviation * deviation;
  optimizer->advance(step, optimizerShared.data());
  step.shared = optimizerShared.data();
  return step;
}

UpdateResult Session::Impl::update(const UpdateSpec& given) {
  UpdateSpec update = given;
  if (update.noiseDeviation > 0 && !hasNoiseKey()) throw std::logic_error("update: noise is asked for before its key");
  auto fingerprintOf = [&](size_t p) { return fingerprint(parameters[p], elementCount(graph.parameters[p].shape)); };
  for (size_t p = 0; p < parameters.size() && !updated; ++p) fingerprints[p] = fingerprintOf(p);

  // The step's own number, so that a resumed run draws what it would have drawn, unless that has been used.
  noiseStream = std::max(noiseStream + 1, static_cast<uint64_t>(update.optimizer.step));
  update.optimizer = optimizerStep(given);
  settleLanes();
  privatizeAll(update);
  if (correlation && update.noiseDeviation > 0) correlation->endStep();

  UpdateResult result;
  for (size_t p = 0; p < parameters.size(); ++p) {
    const bool mayMove = !topK && layout.parameters[p].trained && !(mask && mask->dropsAll(p));
    result.moved.push_back(updated || !mayMove || fingerprintOf(p) != fingerprints[p]);
  }
  updated = true;
  packedIsStale = true;
  ++stepsTaken;
  forgetSums();
  return result;
}

void Session::Impl::takeClippedSums(float* const* values) {
  settleLanes();
  for (size_t p = 0; p < parameters.size(); ++p) {
    const GradientLayout::Place& place = layout.parameters[p];
    if (!values[p] || place.deferred || (place.trained && integers)) continue;
    if (place.trained)
      mergeLanes(p, values[p]);
    else
      std::fill_n(values[p], elementCount(graph.parameters[p].shape), 0.0f);
  }
  forEachTask([&](const UpdateTask& task, int worker) {
    if (!(task.deferred || integers) || !values[task.parameter]) return;
    const float* tile = integers ? integerTile(task, 0, worker) : deferredTile(task, worker);
    std::copy_n(tile, task.count, values[task.parameter] + task.first);
  });
  for (size_t p = 0; mask && p < parameters.size(); ++p)
    if (values[p]) mask->zeroDropped(p, values[p]);
  forgetSums();
}

void Session::Impl::changeMask(const std::function<void(SessionMask&)>& change) {
  if (!mask) throw std::logic_error("setMask: the session was made without sparsification");
  if (accumulated > 0) throw std::logic_error("setMask: in the midst of a logical batch");
  change(*mask);
  for (auto& program : programs) program->setMasks(*mask);
  if (diagnostics) diagnostics->setMasks(*mask);
}

// Between the slices of one logical batch sums go over into float64: float32 sums of a hundred thousand clipped
// gradients would round by more than one gradient's share, and one record could decide which way.
void Session::Impl::carrySums() {
  if (carried.empty()) carried.resize(static_cast<size_t>(layout.columns));
  if (!carries) std::fill(carried.begin(), carried.end(), 0.0);
  forEachTask([&](const UpdateTask& task, int worker) {
    if (!task.deferred) return;
    const float* tile = deferred->tile(task.parameter, slotMask(task.parameter), task.first, task.count, worker);
    double* to = carried.data() + layout.parameters[task.parameter].offset + task.first;
    for (int64_t i = 0; i < task.count; ++i) to[i] += tile[i];
  });
  inParallel(threads, [&](int worker) {
    int64_t first = layout.laneColumns * worker / threads, last = layout.laneColumns * (worker + 1) / threads;
    for (int lane = 0; lane < lanes; ++lane)
      for (int64_t c = first; c < last && !freshLanes[static_cast<size_t>(lane)]; ++c)
        carried[static_cast<size_t>(c)] += laneSums(lane)[c];
  });
  carries = true;
  deferred->forget();
  std::fill(freshLanes.begin(), freshLanes.end(), true);
}

// The step's sums into the lanes, ready to be read. Lanes that no chunk came to hold the sums of an earlier step.
void Session::Impl::settleLanes() {
  if (carries) carrySums();
  for (int lane = 0; lane < lanes; ++lane) {
    if (!freshLanes[static_cast<size_t>(lane)]) continue;
    if (integers)
      std::fill_n(integers->lane(lane), layout.laneColumns, 0);
    else
      std::fill_n(laneSums(lane), layout.laneColumns, 0.0f);
    freshLanes[static_cast<size_t>(lane)] = false;
  }
  for (int64_t c = 0; c < layout.laneColumns && carries; ++c)
    laneSums(0)[c] = static_cast<float>(carried[static_cast<size_t>(c)]);
}

void Session::Impl::forgetSums() {
  std::fill(freshLanes.begin(), freshLanes.end(), true);
  deferred->forget();
  carries = false;
  accumulated = 0;
}

void Session::Impl::clear() {
  forgetSums();
  statistics = {};
}

}  // namespace hushgrad
