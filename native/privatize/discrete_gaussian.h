// Exact samples of the discrete Gaussian: P(x) ∝ exp(−x²/(2σ²)) over all integers, σ a whole number (Canonne, Kamath,
// Steinke, "The Discrete Gaussian for Differential Privacy", 2020, algorithms 1–3). Integers and random bits all the
// way: no probability is ever rounded, nothing is cut off. How long a sample takes depends on its value.
//
// From AES-256 in counter mode. Samples come in blocks of kBlock; a block is a pure function of (key, stream, σ, number
// of the block), so that workers fill disjoint ranges side by side.
#pragma once

#include <memory>

#include "privatize/counter_cipher.h"

namespace hushgrad {

class DiscreteGaussian {
 public:
  // For up to `workers` concurrent calls of fill().
  explicit DiscreteGaussian(int workers);
  ~DiscreteGaussian();  // wipes the key and the random words at hand
  void setKey(const NoiseKey& key);
  bool hasKey() const;

  static constexpr int64_t kBlock = 1024;
  static constexpr uint64_t kMostDeviation = uint64_t{1} << 52;
  // out[i] = sample number (first + i) of `stream`, deviation σ in [1, kMostDeviation]; first is a multiple of kBlock.
  // Allocates nothing. Throws std::invalid_argument for others, std::logic_error without a key.
  void fill(uint64_t stream, uint64_t first, int64_t count, uint64_t deviation, int64_t* out, int worker) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl;
};

}  // namespace hushgrad
