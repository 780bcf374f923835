// Cross-entropy of class scores, as torch.nn.CrossEntropyLoss defines it, for each example by itself: the mean over
// that example's positions, weighted by the weights w[target] of their classes, of
//   (1 − s) · w[target] · (−log p[target]) + s/K · Σ_k w[k] · (−log p[k]),  p = softmax(scores), s = labelSmoothing:
// the sum of these divided by Σ w[target]. Where that is 0 (every class that occurs has weight 0), so is the loss.
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "losses/class_loss.h"

namespace hushgrad {
namespace {

class CrossEntropy : public ClassLoss {
 public:
  explicit CrossEntropy(const LossSpec& spec)
      : ClassLoss(spec), smoothing(spec.attributes.numberOr("labelSmoothing", 0)), weights(classWeights(spec)) {
    if (smoothing >= 0 && smoothing <= 1) return;
    throw std::invalid_argument(spec.kind + " got labelSmoothing " + std::to_string(smoothing) +
                                "; it must lie between 0 and 1");
  }

 protected:
  double evaluateExample(const float* scores, const int32_t* labels, float* gradient) override {
    double counted = 0;
    for (int64_t t = 0; t < positions; ++t)
      if (counts(labels[t])) counted += weightOf(labels[t]);
    if (counted == 0) return 0;
    double loss = 0;
    for (int64_t t = 0; t < positions; ++t) {
      if (!counts(labels[t])) continue;
      float* row = gradient == nullptr ? nullptr : gradient + t * classes;
      loss += evaluatePosition(scores + t * classes, labels[t], counted, row);
    }
    return loss / counted;
  }

 private:
  std::vector<double> classWeights(const LossSpec& spec) const {
    const size_t count = static_cast<size_t>(classes);
    if (spec.attributes.values.count("classWeights") == 0) return std::vector<double>(count, 1);
    std::vector<double> given = spec.attributes.list("classWeights");
    if (given.size() != count) {
      throw std::invalid_argument(spec.kind + " got " + std::to_string(given.size()) +
                                  " classWeights; the model's output has " + std::to_string(count) + " classes");
    }
    for (double weight : given)
      if (!(weight >= 0))
        throw std::invalid_argument(spec.kind + " got a class weight of " + std::to_string(weight) +
                                    "; it must be 0 or more");
    return given;
  }

  double weightOf(int64_t k) const { return weights[static_cast<size_t>(k)]; }

  // −log p[k] = logSum − score[k].
  double evaluatePosition(const float* scores, int32_t label, double counted, float* gradient) const {
    const double sum = logSum(scores), own = (1 - smoothing) * weightOf(label);
    const double spread = smoothing / static_cast<double>(classes), mass = own + spread * weightSum;
    for (int64_t k = 0; gradient != nullptr && k < classes; ++k) {
      double wanted = spread * weightOf(k) + (k == label ? own : 0);
      gradient[k] = static_cast<float>((mass * std::exp(scores[k] - sum) - wanted) / counted);
    }
    double loss = own * (sum - scores[label]);
    // Added only where asked for: a score of −∞ is no trouble for any other class without smoothing.
    for (int64_t k = 0; smoothing > 0 && k < classes; ++k) loss += spread * weightOf(k) * (sum - scores[k]);
    return loss;
  }

  const double smoothing;
  const std::vector<double> weights;  // by class
  const double weightSum = std::accumulate(weights.begin(), weights.end(), 0.0);
};

HUSHGRAD_LOSS("crossEntropy", CrossEntropy);

}  // namespace
}  // namespace hushgrad
