#include <cmath>
#include <limits>

#include "clipping/clipping.h"

namespace hushgrad {

// The largest float32 that is not above `value`, for 0 ≤ value; FLT_MAX where that is smaller: shortening a gradient
// further never lets it exceed its threshold.
static float towardZero(double value) {
  constexpr float most = std::numeric_limits<float>::max();
  if (value >= most) return most;
  const float nearest = static_cast<float>(value);
  return static_cast<double>(nearest) > value ? std::nextafter(nearest, 0.0f) : nearest;
}

void clipFactors(const ClipFunction& function, double threshold, int64_t examples, const double* squaredNorms,
                 const float* weights, float* factors) {
  constexpr double margin = 1 - 0x1p-20;
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

}  // namespace hushgrad
