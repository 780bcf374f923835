// A session: a model, its loss, a clipping configuration and an optimizer, with all memory planned before the first
// step. Knows how examples are spread over chunks, lanes and workers; what a layer or a strategy does is theirs.
//
//   accumulate(batch)  chunk by chunk: forward, losses, backward, norms, clip factors, clipped sums. Any number of
//                      calls make one logical batch, so that its size is bounded by nothing.
//   update(...)        noise and optimizer in one pass over the parameters; clears the sums.
//
// Chunk i goes to lane i mod lanes, lane l to worker l mod threads. A lane owns an accumulator per parameter; lanes
// are added in order; sums that are one product wait for the update instead (deferred_sums.h). So results repeat to the
// bit, and with `deterministic` (lanes fixed at 8, whatever the thread count) they do not depend on the thread count
// either.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipping/clipping.h"
#include "clipping/random_subset.h"
#include "clipping/strategy.h"
#include "graph/spec.h"
#include "losses/loss.h"
#include "privatize/correlated_noise.h"
#include "privatize/noise.h"
#include "privatize/optimizer.h"
#include "privatize/top_k.h"

namespace hushgrad {

// What random sparsification drops: coordinates, or slices of the parameters with two dimensions and more: rows (output
// units, channels: index of dimension 0; of vectors, their elements), columns (elements of the dimensions after it, as
// one), channels (index of dimension 1 with all taps). Vectors keep everything under columns and channels.
enum class Sparsification { none, elements, rows, columns, channels };

struct SessionSpec {
  ModelSpec model;
  std::string loss;
  Attributes lossAttributes;
  ClippingSpec clipping;
  Strategy strategy = Strategy::autoSelect;
  OptimizerSpec optimizer;
  Sparsification sparsification = Sparsification::none;
  std::optional<TopKSpec> topK;                // the optimizer sees the largest coordinates of the noisy gradient alone
  std::optional<NoiseRecurrence> correlation;  // of the noise from step to step; not of discrete noise
  int64_t chunkSize = 0;  // examples a worker executes together; 0: chosen from cache and memory sizes
  int threads = 0;        // 0: one a core
  bool deterministic = false;
};

// A view of the caller's memory, valid during the call.
struct BatchView {
  int64_t examples = 0;
  const float* inputs = nullptr;   // [examples, views, input elements], PyTorch's order; targets alike
  const void* targets = nullptr;   // int32 or float32, as Loss::targetKind() says
  const float* weights = nullptr;  // [examples], finite, ≥ 0: factors of the clipped gradients; null: ones
};

// Diagnostics of what was accumulated since the last update: all of it outside the guarantee.
struct BatchStatistics {
  int64_t examples = 0;
  int64_t leftOut = 0;  // examples whose loss or gradient was not finite
  int64_t clipped = 0;  // examples with a factor that shortened them, in any group
  double lossSum = 0;   // over the examples with a finite loss
  double normSum = 0;   // of the flat gradient norm, over the examples not left out
  // By group: examples, not left out, with a norm of at most the threshold. Empty where there were no examples.
  std::vector<int64_t> within;

  void add(const BatchStatistics& part);
};

struct UpdateSpec {
  double noiseDeviation = 0;  // σ·S of the sum; 0: no noise
  double normalizer = 1;      // q·N, public
  OptimizerStep optimizer;    // this step's learning rate and so on
};

// The outcome of the first update, for the check that every trainable parameter moved.
struct UpdateResult {
  std::vector<bool>
      moved;  // by parameter; frozen ones, those that are dropped as a whole, and all under top-k count as moved
};

struct LayerPlan {
  std::string path, kind, implementation,
      method;  // method: "ghost", "written", "second backward", … or "" without parameters
  int64_t parameters = 0;
  double flops = 0;   // of one example: forward, backward and per-example answers
  int64_t bytes = 0;  // of the planned memory of all workers that belongs to this layer
};

struct SessionPlan {
  std::vector<LayerPlan> layers;
  int64_t chunkSize = 0, lanes = 0, threads = 0;
  int64_t sliceSize = 0;       // examples worked on at once; larger batches are cut
  int64_t parameterBytes = 0;  // parameters, sums and what they wait for, optimizer state, packed weights
  int64_t workerBytes = 0;     // activations, gradients, scratch: all workers
  int64_t totalBytes = 0;
};

class Session {
 public:
  explicit Session(SessionSpec spec);  // throws std::invalid_argument, naming the layer's path
  ~Session();

  const SessionSpec& spec() const;
  const SessionPlan& plan() const;

  void setParameter(size_t index, const float* values);
  // `count` values of it from its `first` on; throws std::out_of_range where it has fewer.
  void setParameterPart(size_t index, int64_t first, int64_t count, const float* values);
  void getParameter(size_t index, float* values) const;
  // Optimizer state in PyTorch's order of buffers: [momentum] or [exp_avg, exp_avg_sq]; slots × elements. With error
  // feedback of top-k its residual is one more, the last.
  int optimizerSlots() const;
  void setOptimizerState(size_t parameter, int slot, const float* values);
  void getOptimizerState(size_t parameter, int slot, float* values) const;
  // The optimizer's state that all coordinates share, as many numbers as it has.
  const std::vector<double>& optimizerShared() const;
  void setOptimizerShared(const std::vector<double>& numbers);
  void setNoiseKey(const NoiseKey& key);  // 256 bits, of this session's noise alone
  // What correlated noise remembers of earlier steps, secret: buffers of noiseMemoryFloats() each, 0 of them without
  // correlation. Throws std::out_of_range for a buffer that there is not.
  int noiseBuffers() const;
  int64_t noiseMemoryFloats() const;
  void getNoiseMemory(int buffer, float* values) const;
  void setNoiseMemory(int buffer, const float* values);
  // The memory as it is after steps 1 … steps of the present key; 0: as before the first.
  void replayNoise(int64_t steps);
  void setDropoutKey(uint64_t key);              // of the steps from here on, counted from this call
  void setThresholds(const double* thresholds);  // C by group, finite and > 0, from the next batch on

  // From here on drops what (key, refresh, rate) says: from per-example gradients before their norms, from sums and
  // noise. Nothing is dropped before the first call. Throws std::logic_error in a session without sparsification, or in
  // the midst of a logical batch.
  void setMask(const MaskDraw& draw);
  // The same with coordinates that the caller chose: kept [trainable coordinates, parameters in the model's order], 0:
  // dropped. Throws std::logic_error under structured sparsification too.
  void keepOnly(const uint8_t* kept);

  // Adds the batch's clipped sum to the accumulators. Between chunks `cancelled` is looked at; when it is set, the
  // accumulators are cleared and false comes back.
  bool accumulate(const BatchView& batch, const std::atomic<bool>* cancelled = nullptr);
  BatchStatistics takeStatistics();
  void clear();  // forgets what was accumulated
  UpdateResult update(const UpdateSpec& spec);

  // The accumulated clipped sums without noise (not private), by parameter in PyTorch's layout; null where not wanted.
  // Clears them.
  void takeClippedSums(float* const* values);
  // Per-example gradients (not clipped, not private): gradients[p] is [examples, elements of p] or null.
  // squaredNorms: [groups, examples] or null. losses [examples] or null.
  void perExampleGradients(const BatchView& batch, float* const* gradients, double* squaredNorms, double* losses);
  // Model outputs [examples, output elements] (or null) and per-example losses [examples] (or null), in eval mode: here
  // every example is one view.
  void evaluate(const BatchView& batch, float* outputs, double* losses);

  // Of one view of an example.
  int64_t inputElements() const;
  int64_t outputElements() const;
  int64_t targetElements() const;
  TargetKind targetKind() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl;
};

}  // namespace hushgrad
