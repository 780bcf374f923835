// Ghost norm (Li et al. 2022, "Large language models can be strong differentially private learners", section 4):
// the squared norm of G = Σ_t a_t e_tᵀ from dot products alone,
//   ‖G‖² = Σ_{t,s} (a_t·a_s)(e_t·e_s),
// where a_t is a layer's input at position t (a patch, for a convolution) and e_t its output gradient there.
#pragma once

#include <cstdint>
#include <optional>

#include "backend/backend.h"

namespace hushgrad {

// A Gram sum in float64: Σ of the terms and Σ of their magnitudes.
struct GramSum {
  double total = 0, magnitude = 0;

  void add(double weight, const GramSum& part) {
    total += weight * part.total;
    magnitude += weight * part.magnitude;
  }
  // The total, or nothing where float32 Gram matrices cannot tell it: the terms cancel (total below 0.1 × magnitude),
  // overflowed, or may have lost more than 1e-6 of it to underflow. `terms` bounds Σ|p| + Σ|q| over the sum's Σ p·q.
  std::optional<double> settled(double terms) const;
};

// Rows a[positions, groups · inputs] and e[positions, groups · outputs] of one example; group g of `a` meets group g
// of `e` alone.
struct GhostNormShape {
  int64_t positions = 1, groups = 1, inputs = 1, outputs = 1;
};

class GhostNorm {
 public:
  GhostNorm(Backend& backend, const GhostNormShape& shape);

  int64_t scratchFloats() const;
  // Of one example; both Gram matrices are symmetric, and only blocks on and above the diagonal are computed.
  double flops() const;
  double bytes() const;

  // ‖G‖² of one example, 0 or NaN included. Nothing where float32 Gram matrices cannot tell it: the sum has cancelled
  // (below 0.1 × the magnitude of its terms), overflowed, or may have lost terms to underflow. The caller then takes
  // the norm of the written-out gradient.
  std::optional<double> squared(const float* a, const float* e, float* scratch) const;

 private:
  struct Block {
    int64_t row, rows, column, columns;
  };
  void addBlock(const float* a, const float* e, const Block& block, double weight, float* scratch, GramSum& sum) const;
  void addGroup(const float* a, const float* e, float* scratch, GramSum& sum) const;
  void multiplyRows(const float* x, int64_t leading, int64_t width, const Block& block, float* product) const;

  Backend& backend;
  const GhostNormShape shape;
  const int64_t blockRows;
};

}  // namespace hushgrad
