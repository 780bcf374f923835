// Where threads of one parallel region wait for each other many thousand times a second. OpenMP's own barrier sleeps
// at once under OMP_WAIT_POLICY=PASSIVE (src/native/load.ts says why that is set), and waking takes as long as the work
// between two barriers.
#pragma once

#include <atomic>
#include <thread>

namespace hushgrad {

class Barrier {
 public:
  // Returns when all `threads` threads have called it; what they wrote before is seen by all after.
  void wait(int threads) {
    const unsigned before = generation.load(std::memory_order_relaxed);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
      arrived.store(0, std::memory_order_relaxed);
      generation.store(before + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; generation.load(std::memory_order_acquire) == before; ++spins) {
      if (spins >= kSpins) std::this_thread::yield();  // another program has the core that the last one needs
    }
  }

 private:
  static constexpr int kSpins = 4096;
  alignas(64) std::atomic<int> arrived{0};
  alignas(64) std::atomic<unsigned> generation{0};
};

}  // namespace hushgrad
