// crossEntropyWeight · crossEntropy + diceWeight · dice, with the options of both.
#include <stdexcept>

#include "losses/loss.h"

namespace hushgrad {
namespace {

class DiceCrossEntropy : public Loss {
 public:
  explicit DiceCrossEntropy(const LossSpec& spec)
      : crossEntropy(term("crossEntropy", spec)),
        dice(term("dice", spec)),
        crossEntropyWeight(weight("crossEntropyWeight", spec)),
        diceWeight(weight("diceWeight", spec)),
        elements(elementCount(spec.outputShape)) {}

  TargetKind targetKind() const override { return dice->targetKind(); }
  int64_t targetElements() const override { return dice->targetElements(); }
  int64_t scratchFloats(int64_t) const override { return elements; }  // one example's gradient of the second term

  void evaluate(int64_t examples, const float* outputs, const void* targets, double* losses, float* outputGradients,
                float* scratch) override {
    const auto* labels = static_cast<const int32_t*>(targets);
    for (int64_t b = 0; b < examples; ++b, labels += targetElements()) {
      const float* scores = outputs + b * elements;
      float* gradient = outputGradients == nullptr ? nullptr : outputGradients + b * elements;
      double first = 0, second = 0;
      crossEntropy->evaluate(1, scores, labels, &first, gradient, nullptr);
      dice->evaluate(1, scores, labels, &second, gradient == nullptr ? nullptr : scratch, nullptr);
      losses[b] = crossEntropyWeight * first + diceWeight * second;
      for (int64_t i = 0; gradient != nullptr && i < elements; ++i)
        gradient[i] = static_cast<float>(crossEntropyWeight * gradient[i] + diceWeight * scratch[i]);
    }
  }

 private:
  static std::unique_ptr<Loss> term(const char* kind, const LossSpec& spec) {
    return makeLoss({kind, spec.attributes, spec.outputShape});
  }

  static double weight(const char* name, const LossSpec& spec) {
    double given = spec.attributes.numberOr(name, 1);
    if (given >= 0) return given;
    throw std::invalid_argument(spec.kind + " got " + name + " " + std::to_string(given) + "; it must be 0 or more");
  }

  const std::unique_ptr<Loss> crossEntropy, dice;
  const double crossEntropyWeight, diceWeight;
  const int64_t elements;
};

HUSHGRAD_LOSS("diceCrossEntropy", DiceCrossEntropy);

}  // namespace
}  // namespace hushgrad
