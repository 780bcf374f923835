// Losses of class scores [classes] or [positions, classes] against one class a position. Positions whose target is
// ignoreIndex do not count; an example without any other has loss and gradient 0.
#pragma once

#include "losses/loss.h"

namespace hushgrad {

class ClassLoss : public Loss {
 public:
  TargetKind targetKind() const override { return TargetKind::classes; }
  int64_t targetElements() const override { return positions; }

  void evaluate(int64_t examples, const float* outputs, const void* targets, double* losses, float* outputGradients,
                float*) override;

 protected:
  explicit ClassLoss(const LossSpec& spec);

  // The loss of one example whose targets are all classes or ignored. `gradient` holds zeros, or is null.
  virtual double evaluateExample(const float* scores, const int32_t* labels, float* gradient) = 0;

  bool counts(int32_t label) const { return label != ignored; }
  // log Σ_k e^score[k], with the maximum taken out so that no exponential overflows: p[k] = e^(score[k] − logSum).
  double logSum(const float* scores) const;

  const int64_t classes, positions;

 private:
  bool allValid(const int32_t* labels) const;

  const int64_t ignored;
};

}  // namespace hushgrad
