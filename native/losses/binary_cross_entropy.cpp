// Binary cross-entropy of logits x against targets y in [0, 1] (torch.nn.BCEWithLogitsLoss), p = positiveWeight:
//   −[p·y·log σ(x) + (1 − y)·log(1 − σ(x))] = (1 − y)·x + (1 + (p − 1)·y)·log(1 + e^−x),
// the mean over an example's elements.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "losses/elementwise_loss.h"

namespace hushgrad {
namespace {

class BinaryCrossEntropy : public ElementwiseLoss {
 public:
  explicit BinaryCrossEntropy(const LossSpec& spec)
      : ElementwiseLoss(spec), positiveWeight(spec.attributes.numberOr("positiveWeight", 1)) {
    if (positiveWeight > 0) return;
    throw std::invalid_argument("binaryCrossEntropyWithLogits got positiveWeight " + std::to_string(positiveWeight) +
                                "; it must be greater than 0");
  }

 protected:
  Value element(double logit, double target) const override {
    double weight = 1 + (positiveWeight - 1) * target;
    double small = std::exp(-std::abs(logit));                    // never overflows
    double softplus = std::log1p(small) + std::max(-logit, 0.0);  // log(1 + e^−x)
    double mirrored = (logit >= 0 ? small : 1.0) / (1 + small);   // σ(−x)
    return {(1 - target) * logit + weight * softplus, (1 - target) - weight * mirrored};
  }

 private:
  const double positiveWeight;
};

HUSHGRAD_LOSS("binaryCrossEntropyWithLogits", BinaryCrossEntropy);

}  // namespace
}  // namespace hushgrad
