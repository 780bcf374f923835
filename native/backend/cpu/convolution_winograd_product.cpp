// Small matrix products whose operands are in cache: a block of rows of C stays in registers over the whole inner
// dimension.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/convolution_winograd_product.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>

#include "backend/cpu/convolution_winograd.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::winograd::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::CappedTag<float, 16> d;  // n is a multiple of 16

// Rows × vectors of accumulators, for 32 registers, or 16 on AVX2.
constexpr int kVectors = HWY_TARGET <= HWY_AVX3 ? 2 : (HWY_TARGET == HWY_AVX2 ? 2 : 4);
constexpr int kMostRows = HWY_TARGET <= HWY_AVX3 ? 12 : 6;

// So many products are summed before they meet the rest: one long float32 sum would be the largest part of the
// rounding.
constexpr int64_t kInner = 32;

template <int kRows, int kColumns>
HWY_INLINE void multiplyBlock(const PanelProduct& p, const float* a, const float* b, float* c) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  // A pointer for four rows, whose offsets are then the same few registers.
  const float* rows[(kRows + 3) / 4];
  for (int i = 0; i < kRows; i += 4) rows[i / 4] = a + i * p.aRow;
  for (int64_t first = 0; first < p.k; first += kInner) {
    hn::Vec<decltype(d)> sums[kRows][kColumns];
    for (int i = 0; i < kRows; ++i)
      for (int j = 0; j < kColumns; ++j) sums[i][j] = hn::Zero(d);
    for (int64_t k = std::min(kInner, p.k - first); k > 0; --k) {
      hn::Vec<decltype(d)> columns[kColumns];
      for (int j = 0; j < kColumns; ++j) columns[j] = hn::LoadU(d, b + j * lanes);
      b += p.ldb;
      for (int i = 0; i < kRows; ++i) {
        const auto row = hn::Set(d, rows[i / 4][i % 4 * p.aRow]);
        if (i % 4 == 3 || i == kRows - 1) rows[i / 4] += p.aInner;
        for (int j = 0; j < kColumns; ++j) sums[i][j] = hn::MulAdd(row, columns[j], sums[i][j]);
      }
    }
    const bool adds = p.accumulate || first > 0;
    for (int i = 0; i < kRows; ++i)
      for (int j = 0; j < kColumns; ++j) {
        float* to = c + i * p.ldc + j * lanes;
        hn::StoreU(adds ? hn::Add(hn::LoadU(d, to), sums[i][j]) : sums[i][j], d, to);
      }
  }
}

// All blocks of kRows rows from `row` on, then what is left in smaller ones.
template <int kRows, int kColumns>
HWY_INLINE void multiplyRows(const PanelProduct& p, int64_t row, const float* b, float* c) {
  for (; row + kRows <= p.m; row += kRows) multiplyBlock<kRows, kColumns>(p, p.a + row * p.aRow, b, c + row * p.ldc);
  if constexpr (kRows > 1) multiplyRows<(kRows > 8 ? 8 : kRows > 4 ? 4 : kRows / 2), kColumns>(p, row, b, c);
}

void multiplyVector(const PanelProduct& p) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t column = 0;
  for (; column + kVectors * lanes <= p.n; column += kVectors * lanes)
    multiplyRows<kMostRows, kVectors>(p, 0, p.b + column, p.c + column);
  for (; column < p.n; column += lanes) multiplyRows<kMostRows, 1>(p, 0, p.b + column, p.c + column);
}

}  // namespace
}  // namespace hushgrad::cpu::winograd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu::winograd {

HWY_EXPORT(multiplyVector);

void multiply(const PanelProduct& product) {
  HWY_DYNAMIC_DISPATCH(multiplyVector)(product);
}

}  // namespace hushgrad::cpu::winograd
#endif
