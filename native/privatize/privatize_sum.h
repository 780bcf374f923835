// Noise on a sum that the caller has: the Gaussian mechanism alone, without an optimizer.
#pragma once

#include <cstdint>

#include "privatize/noise.h"

namespace hushgrad {

struct SumToPrivatize {
  int64_t count;
  const float* sum;       // [count]; null: wideSum
  const double* wideSum;  // [count]
  const uint8_t* kept;    // [count], 0: dropped, its output is 0 and takes no noise; null: all kept
  double deviation;       // of the noise: σ·S
  double normalizer;
  float* output;  // [count]; may be sum
  int threads;
};

// output = (sum + deviation·z) / normalizer, z[i] sample i of stream 0 of the key; added in float64, rounded once.
void privatizeSum(const SumToPrivatize& task, const NoiseKey& key);

}  // namespace hushgrad
