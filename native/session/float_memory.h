// Blocks of floats on cache lines.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

namespace hushgrad {

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};
using FloatMemory = std::unique_ptr<float[], FreeDeleter>;
FloatMemory allocateFloats(int64_t floats);  // zeroed; throws std::bad_alloc

}  // namespace hushgrad
