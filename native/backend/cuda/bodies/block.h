// How a kernel is written: a struct of plain numbers and pointers with `Shared`, the memory of one block of threads,
// and
//   template <class Block> HUSHGRAD_PORTABLE void run(const Block& block, Shared& shared) const;
// block.index() is the block's number; block.threads(f) runs f(t) for the threads t < kThreads and lets them all meet,
// so that what one wrote the others may read afterwards. On the GPU f runs once in each thread, with __syncthreads
// behind it; elsewhere it is a loop, and the tests run the very same bodies. Nothing of a thread outlives a call of
// threads() but what it put into `shared`.
#pragma once

#include "backend/portable.h"

namespace hushgrad::cuda {

constexpr int kThreads = 256;  // a power of two: reductions halve it

// values[0] = Σ_t values[t], always in the same order.
template <class Block>
HUSHGRAD_PORTABLE inline void reduce(const Block& block, double* values) {
  for (int half = kThreads / 2; half > 0; half /= 2) {
    block.threads([=](int t) {
      if (t < half) values[t] += values[t + half];
    });
  }
}

}  // namespace hushgrad::cuda
