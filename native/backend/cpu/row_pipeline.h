// The weighted sum of some rows and the squared norms of the rows after them, in one loop: while the rows whose factors
// are known are added from cache, the next ones stream in from memory. So clipping reads its gradients once, and the
// memory bus never waits for the arithmetic.
#pragma once

#include <cstdint>

namespace hushgrad::cpu {

// What a row's elements are; all become float32 exactly.
enum class RowType { float32, bfloat16, float16 };
constexpr int64_t rowTypeBytes(RowType type) {
  return type == RowType::float32 ? 4 : 2;
}

constexpr int kMostRowsAtOnce = 8;

// How many rows a call with both halves should take, 1, 2, 4 or 8: more rows share one pass over the sum, fewer stay in
// the second-level cache between the two reads, the next call's beside them and the sum. Where not even one row does,
// the second read comes from beyond it anyway, and sharing the passes over the sum counts most.
int rowsAtOnce(int64_t columns, RowType type = RowType::float32);

// The same for rows that are normed and then added before the next ones are touched, so that only they and the sum need
// room: in the second-level cache, else in half the core's share of the last level. `columns`: of a thread's share.
int rowsAGroup(int64_t columns, RowType type);

// sum[c] += Σ_r factors[r] · added[r][c] in the order of r, where added is not null;
// squaredNorms[r] = Σ_c normed[r][c]² in float64, where normed is not null; r < rows, one of 1, 2, 4, 8.
// Where kept is not null, a column with kept[c] = 0 counts as zero in every row, whatever is there.
// Neither result depends on `rows`. A row with factor 0 must hold finite numbers.
struct RowPipeline {
  int rows;
  int64_t columns;
  const void* const* added;
  const float* factors;
  float* sum;
  const void* const* normed;
  double* squaredNorms;
  RowType type = RowType::float32;
  const uint8_t* kept = nullptr;
};
void addRowsAndTakeNorms(const RowPipeline& pipeline);

// y[r][c] = kept[c] ? x[r][c] : 0 for rows of elements of `type`; y may be x.
void keepColumns(int64_t rows, int64_t columns, RowType type, const uint8_t* kept, const void* x, void* y);

}  // namespace hushgrad::cpu
