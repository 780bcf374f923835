// Channels-first to channels-last and back, in square tiles that fit the cache's lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/transpose.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cstring>

#include "backend/cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kTile = 16;  // floats in a cache line
constexpr int64_t kBlock = 4;

struct Matrices {
  int64_t rows, columns;
  const float* x;  // [rows, columns]
  float* y;        // [columns, rows]
};

void transposeElements(const Matrices& m, int64_t row, int64_t rowEnd, int64_t column, int64_t columnEnd) {
  for (int64_t c = column; c < columnEnd; ++c)
    for (int64_t r = row; r < rowEnd; ++r) m.y[c * m.rows + r] = m.x[r * m.columns + c];
}

#if HWY_TARGET == HWY_SCALAR
void transposeBlock(const Matrices& m, int64_t row, int64_t column) {
  transposeElements(m, row, row + kBlock, column, column + kBlock);
}
#else
// 4 × 4: pairs of rows woven element by element, then the pairs two elements at a time.
HWY_INLINE void transposeBlock(const Matrices& m, int64_t row, int64_t column) {
  const hn::Full128<float> d;
  const hn::Full128<double> two;
  const float* x = m.x + row * m.columns + column;
  float* y = m.y + column * m.rows + row;
  const auto r0 = hn::LoadU(d, x), r1 = hn::LoadU(d, x + m.columns);
  const auto r2 = hn::LoadU(d, x + 2 * m.columns), r3 = hn::LoadU(d, x + 3 * m.columns);
  const auto low01 = hn::BitCast(two, hn::InterleaveLower(d, r0, r1));
  const auto low23 = hn::BitCast(two, hn::InterleaveLower(d, r2, r3));
  const auto high01 = hn::BitCast(two, hn::InterleaveUpper(d, r0, r1));
  const auto high23 = hn::BitCast(two, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(two, low01, low23)), d, y);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(two, low01, low23)), d, y + m.rows);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(two, high01, high23)), d, y + 2 * m.rows);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(two, high01, high23)), d, y + 3 * m.rows);
}
#endif

void transposeTile(const Matrices& m, int64_t row, int64_t rowEnd, int64_t column, int64_t columnEnd) {
  const int64_t rowBlocks = row + (rowEnd - row) / kBlock * kBlock;
  const int64_t columnBlocks = column + (columnEnd - column) / kBlock * kBlock;
  for (int64_t c = column; c < columnBlocks; c += kBlock)
    for (int64_t r = row; r < rowBlocks; r += kBlock) transposeBlock(m, r, c);
  transposeElements(m, rowBlocks, rowEnd, column, columnBlocks);
  transposeElements(m, row, rowEnd, columnBlocks, columnEnd);
}

void transposeOne(int64_t rows, int64_t columns, const float* x, float* y) {
  const Matrices m{rows, columns, x, y};
  for (int64_t row = 0; row < rows; row += kTile)
    for (int64_t column = 0; column < columns; column += kTile)
      transposeTile(m, row, std::min(row + kTile, rows), column, std::min(column + kTile, columns));
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(transposeOne);
}  // namespace

void transpose(int64_t examples, int64_t rows, int64_t columns, const float* x, float* y) {
  const int64_t elements = rows * columns;
  if (rows == 1 || columns == 1) {
    std::memcpy(y, x, static_cast<size_t>(examples * elements) * sizeof(float));
    return;
  }
  for (int64_t b = 0; b < examples; ++b)
    HWY_DYNAMIC_DISPATCH(transposeOne)(rows, columns, x + b * elements, y + b * elements);
}

}  // namespace hushgrad::cpu
#endif
