// The formulas of the clip functions, once for the CPU and for kernels elsewhere: plain numbers and no pointers, so
// that a rule can be passed to a kernel. n is the norm of a per-example gradient, C the threshold.
#pragma once

#include <cmath>
#include <string>

#include "backend/portable.h"

namespace hushgrad {

class Attributes;

HUSHGRAD_PORTABLE inline double abadiFactor(double norm, double threshold) {
  return norm <= threshold ? 1 : threshold / norm;
}
HUSHGRAD_PORTABLE inline double autoSFactor(double norm, double threshold, double gamma) {
  return threshold / (norm + gamma);
}
// A zero gradient has no direction to keep.
HUSHGRAD_PORTABLE inline double autoVFactor(double norm, double threshold) {
  return norm > 0 ? threshold / norm : 0;
}
HUSHGRAD_PORTABLE inline double psacFactor(double norm, double threshold, double r) {
  return threshold / (norm + r / (norm + r));
}
HUSHGRAD_PORTABLE inline double nsgdFactor(double norm, double threshold, double r) {
  return threshold / (r + norm);
}
// Scales all alike and drops what is longer than the bound Z.
HUSHGRAD_PORTABLE inline double globalFactor(double norm, double threshold, double bound) {
  return norm <= bound ? threshold / bound : 0;
}

enum class ClipKind : int32_t { abadi, autoS, autoV, psac, nsgd, global };

struct ClipRule {
  ClipKind kind = ClipKind::abadi;
  double threshold = 1;  // C > 0
  double parameter = 0;  // gamma of autoS, r of psac and nsgd, Z of global
};

// The exact factor for a finite norm ≥ 0, in float64.
HUSHGRAD_PORTABLE inline double clipFactor(const ClipRule& rule, double norm) {
  switch (rule.kind) {
    case ClipKind::abadi:
      return abadiFactor(norm, rule.threshold);
    case ClipKind::autoS:
      return autoSFactor(norm, rule.threshold, rule.parameter);
    case ClipKind::autoV:
      return autoVFactor(norm, rule.threshold);
    case ClipKind::psac:
      return psacFactor(norm, rule.threshold, rule.parameter);
    case ClipKind::nsgd:
      return nsgdFactor(norm, rule.threshold, rule.parameter);
    case ClipKind::global:
      return globalFactor(norm, rule.threshold, rule.parameter);
  }
  return 0;  // a kind from elsewhere: nothing is added
}

// What a factor is multiplied by, for the rounding of float32 products and sums (clipping.h).
constexpr double kFactorMargin = 1 - 0x1p-20;

// The largest float32 that is not above `value`, for 0 ≤ value; FLT_MAX where that is smaller: shortening a gradient
// further never lets it exceed its threshold. 0 for NaN.
HUSHGRAD_PORTABLE inline float towardZero(double value) {
  constexpr float most = 3.402823466e38f;
  if (value >= most) return most;
  if (!(value > 0)) return 0;
  const float nearest = static_cast<float>(value);
  return static_cast<double>(nearest) > value ? bitCast<float>(bitCast<uint32_t>(nearest) - 1) : nearest;
}

// As clipFactors() (clipping.h) for one example: 0 where the squared norm is negative or not finite.
HUSHGRAD_PORTABLE inline float clipFactorOfSquare(const ClipRule& rule, double squaredNorm) {
  const double norm = sqrt(squaredNorm);
  if (!(norm <= 1.7976931348623157e308)) return 0;
  return towardZero(clipFactor(rule, norm) * kFactorMargin);
}

// The rule of a clip function by name. `attributes` as makeClipFunction() takes them.
// Throws std::invalid_argument for an unknown name, a threshold or a parameter that is not finite and > 0.
ClipRule clipRule(const std::string& name, double threshold, const Attributes& attributes);

}  // namespace hushgrad
