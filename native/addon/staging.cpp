#include "addon/staging.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "addon/errors.h"

namespace hushgrad {

static constexpr std::align_val_t kAlignment{64};
static constexpr double kMostFloats = 1e15;

void AlignedDelete::operator()(float* memory) const {
  ::operator delete[](memory, kAlignment);
}

AlignedFloats allocateFloats(double count, const std::string& what) {
  double bytes = count * static_cast<double>(sizeof(float));
  if (count > kMostFloats) throw OutOfMemory(what, bytes);
  void* memory = ::operator new[](std::max<size_t>(1, static_cast<size_t>(bytes)), kAlignment, std::nothrow);
  if (memory == nullptr) throw OutOfMemory(what, bytes);
  return AlignedFloats(static_cast<float*>(memory));
}

static int64_t bytesOf(int64_t floats) {
  return floats * static_cast<int64_t>(sizeof(float));
}

StagedBatch StagingPool::take(Napi::Env env, int64_t floats) {
  auto found = std::find_if(free.begin(), free.end(), [floats](const auto& held) { return held.floats >= floats; });
  StagedBatch batch;
  if (found != free.end()) {
    batch = std::move(*found);
    free.erase(found);
    return batch;
  }
  batch.memory = allocateFloats(static_cast<double>(floats), "a batch's inputs and targets");
  batch.floats = floats;
  Napi::MemoryManagement::AdjustExternalMemory(env, bytesOf(floats));
  return batch;
}

StagedBatch StagingPool::copy(Napi::Env env, int64_t examples, const void* inputs, int64_t inputFloats,
                              const void* targets, int64_t targetFloats, const void* weights) {
  int64_t inputCount = examples * inputFloats;
  int64_t targetCount = targets ? examples * targetFloats : 0;
  int64_t weightCount = weights ? examples : 0;
  StagedBatch batch = take(env, inputCount + targetCount + weightCount);
  float* stagedTargets = batch.memory.get() + inputCount;
  float* stagedWeights = stagedTargets + targetCount;
  // memcpy must not be given null, which is what an empty typed array's data may be.
  if (inputCount > 0) std::memcpy(batch.memory.get(), inputs, static_cast<size_t>(bytesOf(inputCount)));
  if (targetCount > 0) std::memcpy(stagedTargets, targets, static_cast<size_t>(bytesOf(targetCount)));
  if (weightCount > 0) std::memcpy(stagedWeights, weights, static_cast<size_t>(bytesOf(weightCount)));
  batch.view = {examples, batch.memory.get(), targets ? stagedTargets : nullptr, weights ? stagedWeights : nullptr};
  return batch;
}

static void forget(Napi::Env env, const StagedBatch& batch) {
  Napi::MemoryManagement::AdjustExternalMemory(env, -bytesOf(batch.floats));
}

void StagingPool::give(Napi::Env env, StagedBatch batch) {
  if (closed) return forget(env, batch);
  free.push_back(std::move(batch));
  if (free.size() <= kMostFree) return;
  auto smallest = std::min_element(free.begin(), free.end(),
                                   [](const auto& left, const auto& right) { return left.floats < right.floats; });
  forget(env, *smallest);
  free.erase(smallest);
}

void StagingPool::close(Napi::Env env) {
  closed = true;
  for (const StagedBatch& batch : free) forget(env, batch);
  free.clear();
}

}  // namespace hushgrad
