// What GroupNorm and LayerNorm share: statistics within one example, and a weight and a bias whose per-example
// gradients are so few numbers that they are always written out.
#pragma once

#include "layers/layer.h"
#include "layers/slots.h"

namespace hushgrad {

class NormalizationLayer : public Layer {
 public:
  NormalizationLayer(const LayerSetup& setup, const Backend::Normalization& normalization);

  bool backwardReadsInput() const override { return true; }
  int64_t savedFloats() const override { return 2 * normalization.statistics(); }
  int64_t scratchFloats() const override;

  void forward(Tape& tape) override;
  void inputGradient(Tape& tape) override;
  Cost forwardCost() const override;

  int64_t gradientFloats(size_t slot) const override;
  void writeGradients(Tape& tape, float* const* gradients, int64_t stride, double* const* norms) override;
  void addWeightedSum(Tape& tape, const float* const* factors, float* const* sums) override;
  Cost writeCost() const override;
  Cost weightedSumCost() const override;

 private:
  const Slots slots;
  const Backend::Normalization normalization;
};

}  // namespace hushgrad
