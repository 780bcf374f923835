#include <cmath>

#include "clipping/clipping.h"

namespace hushgrad {

void clipFactors(const ClipFunction& function, double threshold, int64_t examples, const double* squaredNorms,
                 const float* weights, float* factors) {
  constexpr double margin = kFactorMargin;
  for (int64_t b = 0; b < examples; ++b) {
    const double norm = std::sqrt(squaredNorms[b]);
    const double weight = weights == nullptr ? 1 : weights[b];
    // A negative square is no norm either: its root is NaN.
    factors[b] = std::isfinite(norm) ? towardZero(function.factor(norm, threshold) * margin * weight) : 0;
  }
}

void weighFactors(int64_t examples, const double* weights, float* factors) {
  for (int64_t b = 0; b < examples; ++b) factors[b] = towardZero(factors[b] * weights[b]);
}

void standIns(int rows, const float* factors, int* stands) {
  int finite = -1;
  for (int r = 0; r < rows; ++r) {
    if (factors[r] != 0) finite = r;
  }
  for (int r = 0; r < rows; ++r) stands[r] = factors[r] != 0 ? r : finite;
}

}  // namespace hushgrad
