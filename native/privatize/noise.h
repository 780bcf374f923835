// Gaussian noise from a cryptographic generator: AES-256 in counter mode (OpenSSL EVP), Box–Muller in float32 with a
// 64-bit uniform behind the radius. Sample i of a stream is a pure function of (key, stream, i), so that workers
// fill disjoint ranges side by side and no value is ever used twice. (Between CPUs with other vector instructions the
// last bit may differ.)
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>

#include "privatize/counter_cipher.h"

namespace hushgrad {

// A deviation σ·S as float32 holds it, rounded up: never less noise than was accounted.
inline float deviationAtLeast(double deviation) {
  const float nearest = static_cast<float>(deviation);
  return nearest < deviation ? std::nextafter(nearest, std::numeric_limits<float>::infinity()) : nearest;
}

class GaussianNoise {
 public:
  GaussianNoise();
  ~GaussianNoise();  // wipes the key
  void setKey(const NoiseKey& key);
  bool hasKey() const;
  // out[i] = standard normal sample number (first + i) of stream `step`. first is a multiple of kBlock.
  // Thread-safe; allocates nothing after construction for up to `workers` concurrent calls.
  static constexpr int64_t kBlock = 1024;
  void fill(uint64_t step, uint64_t first, int64_t count, float* out, int worker) const;
  void reserveWorkers(int workers);

 private:
  class Impl;
  std::unique_ptr<Impl> impl;
};

}  // namespace hushgrad
