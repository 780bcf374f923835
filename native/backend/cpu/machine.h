// What the program runs on: for the memory plan, for `doctor`, and to refuse a CPU that the kernels cannot run on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hushgrad {

struct Machine {
  std::vector<std::string> cpuFeatures;  // of those that matter to the kernels: "avx2", "avx512f", "neon", …
  int64_t l1Bytes = 0, l2Bytes = 0;      // data caches of one core; a usual size where the system does not say
  int64_t l3Bytes = 0;                   // one core's share of the last-level cache, 0 without one
  int64_t memoryBytes = 0;               // physical memory, or the container's limit where that is less
  int cores = 1;                         // that this process may use: affinity and the container's quota counted
  bool supported = false;                // AVX2 and FMA, or NEON
  std::map<std::string, std::string> libraries;  // versions by name: "oneDNN" → "2.6.3"
};

// Looked at once, at the first call; executes no vector instruction. Thread-safe.
const Machine& machine();

}  // namespace hushgrad
