// Clip functions: what a per-example gradient of norm n is multiplied by. One file each (abadi.cpp, auto_s.cpp, …),
// registered by name like a layer. Each proves in its first lines that n·factor ≤ C: on that rests the sensitivity.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clipping/clip_rules.h"
#include "clipping/integer_rows.h"
#include "graph/spec.h"

namespace hushgrad {

// Norm groups: `flat` is one group, `per-layer` one a layer, and so on. thresholds[g] is C of group g.
struct ClippingSpec {
  std::string function = "abadi";
  Attributes attributes;              // gamma of autoS, r of psac, …
  std::vector<int> groupOfParameter;  // by parameter; -1: frozen
  std::vector<double> thresholds;     // by group
  // Whether clipped gradients are rounded to a grid, and their sums are integers: for the discrete Gaussian.
  bool integers = false;
  double largestWeight = 1;  // that an example may have

  int groups() const { return static_cast<int>(thresholds.size()); }
  // Of the integers: S over kSensitivityUnits.
  double grid() const;
  // What a part of `columns` coordinates is clipped to. Rounding moves a coordinate by up to half the grid, and the
  // part by √columns as much: where sums are integers, the threshold less that, so that what is added stays within it.
  // 0 where nothing is left: adaptive thresholds drift apart, and a part so small beside the others rounds to nothing.
  double innerThreshold(int group, int64_t columns) const;
};

class ClipFunction {
 public:
  virtual ~ClipFunction() = default;
  // The exact factor for norm ≥ 0 and finite, in float64.
  virtual double factor(double norm, double threshold) const = 0;
};

using ClipFunctionFactory = std::function<std::unique_ptr<ClipFunction>(const Attributes&)>;
bool registerClipFunction(const std::string& kind, ClipFunctionFactory factory);
std::unique_ptr<ClipFunction> makeClipFunction(const std::string& kind, const Attributes& attributes);

// The value of a parameter that must be finite and > 0; throws std::invalid_argument, naming both.
double positiveParameter(const std::string& function, const std::string& name, double value);

#define HUSHGRAD_CLIP_FUNCTION(kind, Class)                               \
  static const bool registered##Class = ::hushgrad::registerClipFunction( \
      kind, [](const ::hushgrad::Attributes& attributes) { return std::make_unique<Class>(attributes); })

// factors[b] = factor(√squaredNorms[b]) · weights[b] · (1 − 2⁻²⁰), rounded to float32: the margin covers the rounding
// of the float32 products and sums, so that ‖factor·g‖ ≤ C · weight holds for what is really added (design: rounding is
// a privacy question). A norm that is not finite gives 0: the example is left out. weights: finite and ≥ 0; null: ones.
void clipFactors(const ClipFunction& function, double threshold, int64_t examples, const double* squaredNorms,
                 const float* weights, float* factors);

// factors[b] becomes factors[b]·weights[b], rounded toward zero: a weight w ≥ 0 scales the bound C by w, never more.
void weighFactors(int64_t examples, const double* weights, float* factors);

// A row with factor 0 may hold NaN, and 0 · NaN would poison a sum: a row with another factor, which is finite
// throughout, stands in for it. stands[r]: the row that is read for row r; all −1 where none is to be added.
void standIns(int rows, const float* factors, int* stands);

// ---- Clipping of written-out gradients: rows [examples, columns], b-th at gradients + b·stride.
// sum[c] += Σ_b factor(‖g_b‖ over all columns) · g_b[c]; norms and factors come back too.
// Both give the same result; `separate` (the naive reference) makes three passes over memory: norms, scale, sum.
// `fused` reads memory once: each block of rows is summed while it still lies in cache.
struct RowClipping {
  const ClipFunction* function;
  double threshold;
  int64_t examples, columns, stride;
  double* squaredNorms;            // [examples], out
  float* factors;                  // [examples], out
  float* sum;                      // [columns], added to
  const float* weights = nullptr;  // [examples], factors of the clipped gradients; null: ones
};
void clipRowsFused(const RowClipping& clip, const float* gradients);
void clipRowsSeparate(const RowClipping& clip, float* gradients);  // scales the gradients in place

}  // namespace hushgrad
