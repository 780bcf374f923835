// Uniformly random subsets of exact size from a cryptographic stream: which coordinates random sparsification drops
// (Zhu & Blaschko 2021, "Differentially private SGD with sparse gradients"). A subset is a pure function of
// (key, refresh, size), so that it is regenerated anywhere from these alone. The key is public, and serves nothing
// else.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace hushgrad {

using MaskKey = std::array<uint8_t, 32>;

// What is dropped until the next refresh.
struct MaskDraw {
  MaskKey key{};
  uint64_t refresh = 0;  // number of the refresh: other subsets under one key
  double rate = 0;       // in [0, 1]
};

// Bits are kept in bytes, bit i % 8 of byte i / 8; kernels may read this much past the last one.
constexpr int64_t kBitPadding = 8;
inline int64_t bitBytes(int64_t bits) {
  return (bits + 7) / 8 + kBitPadding;
}
inline bool bitAt(const uint8_t* bits, int64_t i) {
  return bits[i / 8] >> (i % 8) & 1;
}

class RandomSubset {
 public:
  explicit RandomSubset(const MaskDraw& draw);
  ~RandomSubset();

  // bits 0 … count − 1: 1 for kept, 0 for the ⌊rate · count⌋ dropped ones; 0 beyond. With u_i the 64-bit word
  // first + i of the AES-256-CTR stream (key, refresh), those with the smallest (u_i, i) are dropped: every subset of
  // that size is equally likely. Words are read twice rather than held. first is even. Returns how many are kept.
  int64_t draw(uint64_t first, int64_t count, uint8_t* bits);

 private:
  class Words;
  const double rate;
  std::unique_ptr<Words> words;
};

}  // namespace hushgrad
