#include "losses/class_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace hushgrad {

static int64_t classesOf(const LossSpec& spec) {
  if (spec.outputShape.size() == 1 || spec.outputShape.size() == 2) return spec.outputShape.back();
  throw std::invalid_argument(spec.kind + " got a model output of rank " + std::to_string(spec.outputShape.size()) +
                              "; it works on [classes] and [positions, classes]");
}

ClassLoss::ClassLoss(const LossSpec& spec)
    : classes(classesOf(spec)),
      positions(elementCount(spec.outputShape) / classes),
      ignored(static_cast<int64_t>(spec.attributes.numberOr("ignoreIndex", -100))) {}

void ClassLoss::evaluate(int64_t examples, const float* outputs, const void* targets, double* losses,
                         float* outputGradients, float*) {
  const auto* labels = static_cast<const int32_t*>(targets);
  const int64_t elements = positions * classes;
  for (int64_t b = 0; b < examples; ++b, labels += positions) {
    float* gradient = outputGradients == nullptr ? nullptr : outputGradients + b * elements;
    if (gradient != nullptr) std::fill_n(gradient, elements, 0.0f);
    losses[b] = allValid(labels) ? evaluateExample(outputs + b * elements, labels, gradient)
                                 : std::numeric_limits<double>::quiet_NaN();
  }
}

bool ClassLoss::allValid(const int32_t* labels) const {
  return std::all_of(labels, labels + positions,
                     [this](int32_t label) { return !counts(label) || (label >= 0 && label < classes); });
}

double ClassLoss::logSum(const float* scores) const {
  double top = *std::max_element(scores, scores + classes);
  double exponentials = 0;
  for (int64_t k = 0; k < classes; ++k) exponentials += std::exp(scores[k] - top);
  return top + std::log(exponentials);
}

}  // namespace hushgrad
