// Noise and optimizer update in one pass over a parameter, as privatize/privatize.cpp does it:
// gradient = (sum + σS·z) / normalizer, then the optimizer. The standard normals z come from the CPU, where OpenSSL
// makes their random bits (docs/decisions/cuda-noise.md).
#pragma once

#include "backend/cuda/bodies/block.h"
#include "privatize/update_rules.h"

namespace hushgrad::cuda {

constexpr int kMostSlots = 3;
constexpr int64_t kElementsAThread = 4;

struct Update {
  struct Shared {};
  int64_t count;
  const float* sum;
  const float* normals;    // null: no noise
  const uint32_t* mask;    // null, or a bit a coordinate: what is dropped gets no noise
  float deviation, scale;  // σ·S and 1 / normalizer
  float* parameter;
  float* state[kMostSlots];
  UpdateRule rule;

  HUSHGRAD_PORTABLE int64_t blocks() const {
    return (count + kThreads * kElementsAThread - 1) / (kThreads * kElementsAThread);
  }

  template <class Block>
  HUSHGRAD_PORTABLE void run(const Block& block, Shared&) const {
    const Update& work = *this;
    const int64_t first = block.index() * kThreads * kElementsAThread;
    block.threads([=, &work](int t) {
      HUSHGRAD_UNROLL
      for (int64_t k = 0; k < kElementsAThread; ++k) {
        const int64_t i = first + k * kThreads + t;
        if (i < work.count) work.element(i);
      }
    });
  }

 private:
  HUSHGRAD_PORTABLE void element(int64_t i) const {
    const bool noisy = normals != nullptr && (mask == nullptr || (mask[i / 32] >> (i % 32) & 1) != 0);
    const float total = noisy ? fmaf(normals[i], deviation, sum[i]) : sum[i];
    float slots[kMostSlots];
    const int used = slotsOf(rule);
    for (int slot = 0; slot < kMostSlots; ++slot) {
      slots[slot] = slot < used ? state[slot][i] : 0;
    }
    parameter[i] = updateOf(rule, total * scale, parameter[i], slots);
    for (int slot = 0; slot < kMostSlots; ++slot) {
      if (slot < used) state[slot][i] = slots[slot];
    }
  }
};

}  // namespace hushgrad::cuda
