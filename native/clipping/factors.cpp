#include <cmath>

#include "clipping/clipping.h"

namespace hushgrad {

void clipFactors(const ClipFunction& function, double threshold, int64_t examples, const double* squaredNorms,
                 float* factors) {
  constexpr double margin = kFactorMargin;
  for (int64_t b = 0; b < examples; ++b) {
    const double norm = std::sqrt(squaredNorms[b]);
    // A negative square is no norm either: its root is NaN.
    factors[b] = std::isfinite(norm) ? towardZero(function.factor(norm, threshold) * margin) : 0;
  }
}

}  // namespace hushgrad
