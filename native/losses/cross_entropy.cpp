// Cross-entropy of class scores, as torch.nn.CrossEntropyLoss defines it, for each example by itself: the mean over
// that example's positions of
//   (1 − s) · (−log p[target]) + s/K · Σ_k (−log p[k]),  p = softmax(scores), s = labelSmoothing,
// where positions whose target is ignoreIndex do not count.
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "losses/loss.h"

namespace hushgrad {
namespace {

class CrossEntropy : public Loss {
 public:
  explicit CrossEntropy(const LossSpec& spec)
      : smoothing(spec.attributes.numberOr("labelSmoothing", 0)),
        ignored(static_cast<int64_t>(spec.attributes.numberOr("ignoreIndex", -100))) {
    if (spec.outputShape.size() != 1 && spec.outputShape.size() != 2) {
      throw std::invalid_argument("crossEntropy got a model output of rank " + std::to_string(spec.outputShape.size()) +
                                  "; it works on [classes] and [positions, classes]");
    }
    if (!(smoothing >= 0 && smoothing <= 1)) {
      throw std::invalid_argument("crossEntropy got labelSmoothing " + std::to_string(smoothing) +
                                  "; it must lie between 0 and 1");
    }
    classes = spec.outputShape.back();
    positions = elementCount(spec.outputShape) / classes;
  }

  TargetKind targetKind() const override { return TargetKind::classes; }
  int64_t targetElements() const override { return positions; }

  void evaluate(int64_t examples, const float* outputs, const void* targets, double* losses, float* outputGradients,
                float*) override {
    const auto* labels = static_cast<const int32_t*>(targets);
    int64_t elements = positions * classes;
    for (int64_t b = 0; b < examples; ++b) {
      float* gradient = outputGradients == nullptr ? nullptr : outputGradients + b * elements;
      losses[b] = evaluateExample(outputs + b * elements, labels + b * positions, gradient);
    }
  }

 private:
  double evaluateExample(const float* scores, const int32_t* labels, float* gradient) const {
    if (gradient != nullptr) std::fill_n(gradient, positions * classes, 0.0f);
    int64_t counted = 0;
    for (int64_t t = 0; t < positions; ++t) {
      if (labels[t] == ignored) continue;
      if (labels[t] < 0 || labels[t] >= classes) return std::numeric_limits<double>::quiet_NaN();
      ++counted;
    }
    double loss = 0;
    for (int64_t t = 0; t < positions; ++t) {
      if (labels[t] == ignored) continue;
      float* row = gradient == nullptr ? nullptr : gradient + t * classes;
      loss += evaluatePosition(scores + t * classes, labels[t], static_cast<double>(counted), row);
    }
    return counted == 0 ? 0 : loss / static_cast<double>(counted);
  }

  // −log p[k] = logSum − score[k], with the maximum taken out so that no exponential overflows.
  double evaluatePosition(const float* scores, int32_t label, double counted, float* gradient) const {
    double top = *std::max_element(scores, scores + classes);
    double exponentials = 0, scoreSum = 0;
    for (int64_t k = 0; k < classes; ++k) {
      exponentials += std::exp(scores[k] - top);
      scoreSum += scores[k];
    }
    double logSum = top + std::log(exponentials);
    double spread = smoothing / static_cast<double>(classes);
    for (int64_t k = 0; gradient != nullptr && k < classes; ++k) {
      double wanted = spread + (k == label ? 1 - smoothing : 0);
      gradient[k] = static_cast<float>((std::exp(scores[k] - logSum) - wanted) / counted);
    }
    double loss = (1 - smoothing) * (logSum - scores[label]);
    // Added only where asked for: a score of −∞ is no trouble for any other class without smoothing.
    return smoothing == 0 ? loss : loss + spread * (static_cast<double>(classes) * logSum - scoreSum);
  }

  const double smoothing;
  const int64_t ignored;
  int64_t classes = 0, positions = 0;
};

HUSHGRAD_LOSS("crossEntropy", CrossEntropy);

}  // namespace
}  // namespace hushgrad
