// Copies of the caller's batches, made before a call returns, in buffers that are used again. For the event loop's
// thread alone; a task holds its buffer while it is under way.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "session/session.h"

namespace hushgrad {

struct AlignedDelete {
  void operator()(float* memory) const;
};
using AlignedFloats = std::unique_ptr<float[], AlignedDelete>;

// `count` floats aligned to 64 bytes, not initialised; throws OutOfMemory, naming `what` and the size.
AlignedFloats allocateFloats(double count, const std::string& what);

struct StagedBatch {
  AlignedFloats memory;
  int64_t floats = 0;
  BatchView view;
};

class StagingPool {
 public:
  // inputs: inputFloats an example; targets (may be null): targetFloats 4-byte numbers an example; weights (may be
  // null): a float an example.
  StagedBatch copy(Napi::Env env, int64_t examples, const void* inputs, int64_t inputFloats, const void* targets,
                   int64_t targetFloats, const void* weights);
  void give(Napi::Env env, StagedBatch batch);
  void close(Napi::Env env);  // buffers that come back later are freed at once

 private:
  StagedBatch take(Napi::Env env, int64_t floats);
  // Two are enough: one under way, one being filled.
  static constexpr size_t kMostFree = 2;
  std::vector<StagedBatch> free;
  bool closed = false;
};

}  // namespace hushgrad
