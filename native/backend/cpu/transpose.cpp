// Channels-first to channels-last and back, in square tiles that fit the cache's lines.
#include <algorithm>
#include <cstring>

#include "backend/cpu/kernels.h"

namespace hushgrad::cpu {
namespace {

constexpr int64_t kTile = 16;  // floats in a cache line

void transposeOne(int64_t rows, int64_t columns, const float* x, float* y) {
  for (int64_t row = 0; row < rows; row += kTile) {
    const int64_t rowEnd = std::min(row + kTile, rows);
    for (int64_t column = 0; column < columns; column += kTile) {
      const int64_t columnEnd = std::min(column + kTile, columns);
      for (int64_t c = column; c < columnEnd; ++c)
        for (int64_t r = row; r < rowEnd; ++r) y[c * rows + r] = x[r * columns + c];
    }
  }
}

}  // namespace

void transpose(int64_t examples, int64_t rows, int64_t columns, const float* x, float* y) {
  const int64_t elements = rows * columns;
  if (rows == 1 || columns == 1) {
    std::memcpy(y, x, static_cast<size_t>(examples * elements) * sizeof(float));
    return;
  }
  for (int64_t b = 0; b < examples; ++b) transposeOne(rows, columns, x + b * elements, y + b * elements);
}

}  // namespace hushgrad::cpu
