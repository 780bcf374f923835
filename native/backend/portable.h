// Code that the host compiler and nvcc both compile: HUSHGRAD_PORTABLE marks functions that run on either side.
// IEEE arithmetic throughout; what is to be fused is written as fma, and nvcc fuses nothing else (--fmad=false), so
// that both sides round alike.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define HUSHGRAD_PORTABLE __host__ __device__
#else
#define HUSHGRAD_PORTABLE
#endif

// Before a loop: four loads under way at a time. The host compiler knows no such pragma.
#ifdef __CUDA_ARCH__
#define HUSHGRAD_UNROLL _Pragma("unroll 4")
#else
#define HUSHGRAD_UNROLL
#endif

namespace hushgrad {

template <class To, class From>
HUSHGRAD_PORTABLE inline To bitCast(From value) {
  static_assert(sizeof(To) == sizeof(From), "a bit cast keeps the size");
  To result;
  memcpy(&result, &value, sizeof result);
  return result;
}

}  // namespace hushgrad
