// Clipped gradients as whole numbers of a grid, so that sums are exact: they depend on no order, and one example moves
// them by at most the sensitivity, whatever floating-point arithmetic did before (docs/decisions/discrete-gaussian.md).
#pragma once

#include <cstdint>

namespace hushgrad {

// S in units of the grid. An example's integers have a Euclidean norm of at most this.
constexpr int64_t kSensitivityUnits = int64_t{1} << 30;

// One example's gradient, part by part (a norm group each).
struct IntegerRow {
  const float* gradient;  // [ends[parts − 1]]
  int parts;
  const int64_t* ends;   // [parts]: the column after the part's last
  const double* scales;  // [parts]: clip factor over grid
  int32_t* room;         // [ends[parts − 1]]
};

// sum[c] += round(scale·gradient[c]) for every column, or for none: returns false where the integers' norm exceeds
// kSensitivityUnits or something is not finite. Both are decided by the example alone, the first exactly.
bool addRounded(const IntegerRow& row, int64_t* sum);

}  // namespace hushgrad
