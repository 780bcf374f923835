// Soft Dice loss (Milletari et al. 2016) of class scores, p = softmax(scores), for each example by itself: the mean
// over the classes k of 1 − D[k],
//   D[k] = (2 Σ_t p[t,k]·[target[t] = k] + s) / (Σ_t p[t,k] + Σ_t [target[t] = k] + s),  s = smooth.
// Every class counts the same, however few its positions; class 0 does not without includeBackground.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "losses/class_loss.h"

namespace hushgrad {
namespace {

class Dice : public ClassLoss {
 public:
  explicit Dice(const LossSpec& spec)
      : ClassLoss(spec),
        smooth(spec.attributes.numberOr("smooth", 1)),
        first(spec.attributes.numberOr("includeBackground", 1) != 0 ? 0 : 1),
        sums(static_cast<size_t>(classes)) {
    if (!(smooth > 0)) {
      throw std::invalid_argument(spec.kind + " got smooth " + std::to_string(smooth) + "; it must be greater than 0");
    }
    if (first == classes) {
      throw std::invalid_argument(spec.kind +
                                  " got includeBackground false and a model of one class; no class is left to count");
    }
  }

 protected:
  double evaluateExample(const float* scores, const int32_t* labels, float* gradient) override {
    std::fill(sums.begin(), sums.end(), ClassSums());
    for (int64_t t = 0; t < positions; ++t) {
      if (!counts(labels[t])) continue;
      addPosition(scores + t * classes, labels[t], gradient == nullptr ? nullptr : gradient + t * classes);
    }
    const double share = 1 / static_cast<double>(classes - first);
    double loss = 0;
    for (size_t k = static_cast<size_t>(first); k < sums.size(); ++k) {
      ClassSums& of = sums[k];
      const double extent = of.extent + smooth;
      loss += share * (of.extent - 2 * of.overlap) / extent;  // 1 − D
      of.byProbability = share * (2 * of.overlap + smooth) / (extent * extent);
      of.byOverlap = -share * 2 / extent;
    }
    for (int64_t t = 0; gradient != nullptr && t < positions; ++t)
      if (counts(labels[t])) toScores(gradient + t * classes, labels[t]);
    return loss;
  }

 private:
  struct ClassSums {
    double overlap = 0, extent = 0;           // Σ p·[target = k];  Σ p + Σ [target = k]
    double byProbability = 0, byOverlap = 0;  // of the loss: by every p[t,k]; by those of the class's own positions
  };

  ClassSums& at(int64_t k) { return sums[static_cast<size_t>(k)]; }

  // Leaves the probabilities in the gradient's place.
  void addPosition(const float* scores, int32_t label, float* gradient) {
    const double sum = logSum(scores);
    for (int64_t k = 0; k < classes; ++k) {
      double probability = std::exp(scores[k] - sum);
      at(k).extent += probability;
      if (k == label) at(k).overlap += probability;
      if (gradient != nullptr) gradient[k] = static_cast<float>(probability);
    }
    at(label).extent += 1;
  }

  double slope(int64_t k, int32_t label) { return at(k).byProbability + (k == label ? at(k).byOverlap : 0); }

  // From d = dL/dp to the scores: p[k]·Σ_j p[j]·(d[k] − d[j]). The terms j = k vanish, so that probabilities near 1,
  // rounded to float32, leave small gradients their digits.
  void toScores(float* row, int32_t label) {
    double total = 0, mean = 0;
    for (int64_t k = 0; k < classes; ++k) {
      total += row[k];
      mean += row[k] * slope(k, label);
    }
    for (int64_t k = 0; k < classes; ++k) row[k] = static_cast<float>(row[k] * (slope(k, label) * total - mean));
  }

  const double smooth;
  const int64_t first;          // class that counts
  std::vector<ClassSums> sums;  // of the example at hand
};

HUSHGRAD_LOSS("dice", Dice);

}  // namespace
}  // namespace hushgrad
