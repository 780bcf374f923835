// Losses that are the mean of one function of output and target over an example's elements.
#pragma once

#include "losses/loss.h"

namespace hushgrad {

class ElementwiseLoss : public Loss {
 public:
  explicit ElementwiseLoss(const LossSpec& spec) : elements(elementCount(spec.outputShape)) {}

  TargetKind targetKind() const override { return TargetKind::values; }
  int64_t targetElements() const override { return elements; }

  void evaluate(int64_t examples, const float* outputs, const void* targets, double* losses, float* outputGradients,
                float*) override {
    const auto* wanted = static_cast<const float*>(targets);
    for (int64_t b = 0; b < examples; ++b) {
      double sum = 0;
      for (int64_t i = b * elements; i < (b + 1) * elements; ++i) {
        Value at = element(outputs[i], wanted[i]);
        sum += at.loss;
        if (outputGradients != nullptr) outputGradients[i] = static_cast<float>(at.derivative / elements);
      }
      losses[b] = sum / static_cast<double>(elements);
    }
  }

 protected:
  struct Value {
    double loss, derivative;  // derivative by the output
  };
  virtual Value element(double output, double target) const = 0;

 private:
  const int64_t elements;
};

}  // namespace hushgrad
