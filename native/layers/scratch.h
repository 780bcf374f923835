// Parts of a layer's scratch memory, each on a cache line of its own.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace hushgrad {

class Scratch {
 public:
  explicit Scratch(float* memory) : next(memory) {}

  float* take(int64_t floats) {
    float* part = next;
    next += aligned(floats);
    return part;
  }

  float* rest() const { return next; }

  // What scratchFloats() must answer for parts of these sizes.
  static int64_t sizeOf(std::initializer_list<int64_t> parts) {
    int64_t total = 0;
    for (int64_t floats : parts) total += aligned(floats);
    return total;
  }

 private:
  static int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }
  float* next;
};

}  // namespace hushgrad
