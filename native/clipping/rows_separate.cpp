// The textbook way, for comparison: norms, scaling and sum each pass over all gradients.
#include <algorithm>

#include "backend/backend.h"
#include "clipping/clipping.h"

namespace hushgrad {

void clipRowsSeparate(const RowClipping& clip, float* gradients) {
  Backend& backend = cpuBackend();
  std::fill_n(clip.squaredNorms, clip.examples, 0.0);
  backend.addSquaredNorms(clip.examples, clip.columns, gradients, clip.stride, clip.squaredNorms);
  clipFactors(*clip.function, clip.threshold, clip.examples, clip.squaredNorms, clip.weights, clip.factors);
  for (int64_t b = 0; b < clip.examples; ++b) {
    float* row = gradients + b * clip.stride;
    backend.scaleRows(1, clip.columns, clip.factors + b, row, row);
  }
  backend.addWeightedRows(clip.examples, clip.columns, gradients, clip.stride, nullptr, clip.sum);
}

}  // namespace hushgrad
