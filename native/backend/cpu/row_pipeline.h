// The weighted sum of some rows and the squared norms of the rows after them, in one loop: while the rows whose factors
// are known are added from cache, the next ones stream in from memory. So clipping reads its gradients once, and the
// memory bus never waits for the arithmetic.
#pragma once

#include <cstdint>

namespace hushgrad::cpu {

constexpr int kMostRowsAtOnce = 8;

// How many rows of `columns` floats a call should take, 1, 2, 4 or 8: more rows share one pass over the sum, fewer stay
// in the second-level cache between the two reads.
int rowsAtOnce(int64_t columns);

// sum[c] += Σ_r factors[r] · added[r][c] in the order of r, where added is not null;
// squaredNorms[r] = Σ_c normed[r][c]² in float64, where normed is not null; r < rows, one of 1, 2, 4, 8.
// Neither result depends on `rows`. A row with factor 0 must hold finite numbers.
struct RowPipeline {
  int rows;
  int64_t columns;
  const float* const* added;
  const float* factors;
  float* sum;
  const float* const* normed;
  double* squaredNorms;
};
void addRowsAndTakeNorms(const RowPipeline& pipeline);

}  // namespace hushgrad::cpu
