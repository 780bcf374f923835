// Norms and weighted sums of rows whose elements may be narrower than float32. Whoever clips takes the norms of a group
// of rows from memory and adds the group while it still lies in cache, so that gradients are read once.
#pragma once

#include <cstdint>

namespace hushgrad::cpu {

// What a row's elements are; all become float32 exactly.
enum class RowType { float32, bfloat16, float16 };
constexpr int64_t rowTypeBytes(RowType type) {
  return type == RowType::float32 ? 4 : 2;
}

constexpr int kMostRowsAtOnce = 4;

// How many rows are normed and then added before the next ones are touched, 1, 2 or 4: more share one pass over the
// sum, fewer stay with it in the second-level cache between the two reads, else in half the core's share of the last
// level. `columns`: of a thread's share.
int rowsAGroup(int64_t columns, RowType type = RowType::float32);

// Where kept is not null, a column with kept[c] = 0 counts as zero in every row, whatever is there.
struct TypedRows {
  int rows;  // 1, 2 or 4
  int64_t columns;
  const void* const* x;  // by row
  RowType type = RowType::float32;
  const uint8_t* kept = nullptr;
};

// squaredNorms[r] = Σ_c x[r][c]², from memory: see squaresFromAbove for its rounding.
void takeSquaredNorms(const TypedRows& rows, double* squaredNorms);

// sum[c] += Σ_r factors[r] · x[r][c] in the order of r. A row with factor 0 must hold finite numbers.
void addTypedRows(const TypedRows& rows, const float* factors, float* sum);

// y[r][c] = kept[c] ? x[r][c] : 0 for rows of elements of `type`; y may be x.
void keepColumns(int64_t rows, int64_t columns, RowType type, const uint8_t* kept, const void* x, void* y);

}  // namespace hushgrad::cpu
