// Elements of gradients as float32, sixteen bytes at a time, with what is masked or beyond the row's end as zero.
#pragma once

#include "backend/portable.h"

namespace hushgrad::cuda {

// Stored as bits: arithmetic happens in float32 alone.
struct Bfloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};

HUSHGRAD_PORTABLE inline float toFloat(float value) {
  return value;
}
HUSHGRAD_PORTABLE inline float toFloat(Bfloat16 value) {
  return bitCast<float>(static_cast<uint32_t>(value.bits) << 16);
}
// Exact: the exponent's bias is 112 larger in float32, and a product with 2¹¹² also makes subnormals normal.
HUSHGRAD_PORTABLE inline float toFloat(Float16 value) {
  const uint32_t magnitude = value.bits & 0x7fffu, sign = static_cast<uint32_t>(value.bits & 0x8000u) << 16;
  const bool finite = magnitude < 0x7c00u;
  const float scaled = bitCast<float>(magnitude << 13) * 0x1p112f;
  const uint32_t bits = finite ? bitCast<uint32_t>(scaled) : 0x7f800000u | (magnitude & 0x3ffu) << 13;
  return bitCast<float>(bits | sign);
}

template <class Element>
constexpr int kPack = 16 / static_cast<int>(sizeof(Element));

template <class Element>
struct alignas(16) Pack {
  Element values[kPack<Element>];
};

// Bit j: whether element first + j counts, that is lies in the row and is kept by the mask (null: keeps all). `first`
// is a multiple of `width`, a power of two up to 32.
HUSHGRAD_PORTABLE inline uint32_t keptBits(const uint32_t* mask, int64_t first, int width, int64_t columns) {
  const uint32_t kept = mask == nullptr ? ~0u : mask[first / 32] >> (first % 32);
  const int64_t left = columns - first;
  return left >= width ? kept : kept & ((1u << left) - 1);
}

// Selection, not a product: what is left out may hold NaN.
template <class Element>
struct Values {
  float at[kPack<Element>];

  HUSHGRAD_PORTABLE Values(const Element* row, const uint32_t* mask, int64_t first, int64_t columns) {
    const Pack<Element> pack = *reinterpret_cast<const Pack<Element>*>(row + first);
    const uint32_t kept = keptBits(mask, first, kPack<Element>, columns);
    for (int j = 0; j < kPack<Element>; ++j) at[j] = kept >> j & 1 ? toFloat(pack.values[j]) : 0.0f;
  }
};

}  // namespace hushgrad::cuda
