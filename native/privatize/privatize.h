// Noise and optimizer update, one pass over a parameter: gradient = (Σ lanes + σS·z) / normalizer, then the
// optimizer. Works block by block, so that sum, noise, parameter and state of a block meet in cache. Where the
// optimizer shall see the largest coordinates alone, the pass falls into two, with the selection (top_k.h) between
// them.
#pragma once

#include "privatize/correlated_noise.h"
#include "privatize/noise.h"
#include "privatize/optimizer.h"
#include "privatize/top_k.h"

namespace hushgrad {

struct PrivatizeRange {
  int lanes;                 // accumulators to add, in order
  const float* const* sums;  // [lanes][count], PyTorch's layout
  int64_t count;
  const GaussianNoise* noise;  // null or deviation 0: none
  double noiseDeviation;       // σ·S
  uint64_t noiseStream;        // the step's number: never repeats under one key
  uint64_t noiseFirst;         // index of this range's first sample, a multiple of GaussianNoise::kBlock
  double normalizer;
  float* parameter;
  float* const* state;  // [slots][count]
  int worker;
  // Bit i % 8 of byte i / 8 for coordinate i: where it is 0 the gradient is 0, whatever the sums hold, and no noise is
  // drawn. null: every coordinate takes part. Readable 8 bytes beyond the last bit.
  const uint8_t* mask = nullptr;
  // Correlates the noise with that of earlier steps, of masked coordinates too, whose noise later ones need. null:
  // independent.
  CorrelatedNoise* correlation = nullptr;
};

void privatizeAndUpdate(const PrivatizeRange& range, const Optimizer& optimizer, const OptimizerStep& step);

// The noise alone of a step that was taken before, for the memory of its correlation.
void redrawNoise(const PrivatizeRange& range);

// The same in two passes: the gradient to `topK`, whose index of the range's first coordinate is `first`, and after
// topK.select() the update from there, which needs no sums and no noise.
void privatizeInto(TopK& topK, int64_t first, const PrivatizeRange& range);
void updateFrom(TopK& topK, int64_t first, const PrivatizeRange& range, const Optimizer& optimizer,
                const OptimizerStep& step);

}  // namespace hushgrad
