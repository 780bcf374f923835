// Work timed where it runs, so that JavaScript's clock and calls stay outside.
#pragma once

#include <omp.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "backend/cpu/machine.h"

namespace hushgrad {

inline double secondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// body(thread, threads) on every core, `repeats` times; seconds of each time.
template <class Body>
std::vector<double> timed(int64_t repeats, Body body) {
  const int threads = machine().cores;
  std::vector<double> seconds;
  seconds.reserve(static_cast<size_t>(repeats));
  for (int64_t repeat = 0; repeat < repeats; ++repeat) {
    const double start = secondsNow();
#pragma omp parallel num_threads(threads)
    body(omp_get_thread_num(), omp_get_num_threads());
    seconds.push_back(secondsNow() - start);
  }
  return seconds;
}

}  // namespace hushgrad
