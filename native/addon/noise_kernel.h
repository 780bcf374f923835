// The Gaussian generator beside its naive reference, for the project's own benchmarks: the same keystream, spent in the
// same way, through libm in float64, one pair at a time.
#pragma once

#include "privatize/noise.h"

namespace hushgrad {

class NoiseKernel {
 public:
  // For `threads` concurrent calls, under a key that everyone knows.
  NoiseKernel(int threads, bool naive);
  // out = the `count` samples from sample `first` on; both whole blocks of GaussianNoise::kBlock.
  void fill(int64_t first, int64_t count, float* out, int thread) const;
  // Draws `count` samples, rounded up to whole blocks, into memory of its own that stays in the nearest cache.
  void draw(int64_t count, int thread) const;

 private:
  const bool naive;
  GaussianNoise noise;
};

}  // namespace hushgrad
