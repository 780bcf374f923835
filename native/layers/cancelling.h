// Examples whose gradient is a sum of terms far larger than itself. In one product over a chunk such terms are added
// one by one, and would round the other examples' shares away however small the sum: a clip factor bounds the
// gradient, not its terms. They stay out of the product and are added written out (see Tape::cancels).
#pragma once

#include "layers/layer.h"

namespace hushgrad {

// Whether Σ_t |a_t||e_t| ≤ ‖A‖‖E‖ may exceed 10·√T · ‖g‖: no more than a few times what unrelated terms come to, and
// about what the rule for ghost norms admits (GramSum::settled: Σ_t |a_t|²|e_t|² ≤ 10‖g‖²). squaredTerms = ‖A‖²‖E‖².
inline bool termsMayCancel(double squaredTerms, double squaredNorm, int64_t positions) {
  return squaredTerms > 100.0 * static_cast<double>(positions) * squaredNorm;
}

// Clears the rows[b, columns] of cancelling examples.
void clearCancelling(Backend& backend, const Tape& tape, int64_t columns, float* rows);

// sum += factors[b] · g_b over cancelling examples; write(b, gradient) overwrites `gradient` with g_b's `floats`.
template <class Write>
void addCancelling(Backend& backend, const Tape& tape, const float* factors, int64_t floats, float* gradient,
                   float* sum, const Write& write) {
  if (tape.cancels == nullptr) return;
  for (int64_t b = 0; b < tape.examples; ++b) {
    if (!tape.cancels[b] || factors[b] == 0) continue;
    write(b, gradient);
    backend.addWeightedRows(1, floats, gradient, floats, factors + b, sum);
  }
}

}  // namespace hushgrad
