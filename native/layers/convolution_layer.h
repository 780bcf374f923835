// What convolutions and their adjoints share: a window slides over a picture (or a volume) and meets a response at each
// position t, and the weight's gradient is Σ_t response_t patch_tᵀ. For a convolution the picture is its input and the
// response its output gradient; for a transposed one the picture is the output gradient and the response the input. All
// three per-example answers follow from the pair, whichever way round it came.
#pragma once

#include <memory>
#include <optional>

#include "layers/ghost_norm.h"
#include "layers/layer.h"
#include "layers/pixel_ghost_norm.h"
#include "layers/slots.h"

namespace hushgrad {

class ConvolutionLayer : public Layer {
 public:
  Layout layout() const override { return Layout::channelsLast; }
  bool backwardReadsInput() const override { return true; }
  int64_t scratchFloats() const override;
  int64_t packedFloats() const override { return convolution->packedFloats(); }
  void pack(const std::vector<const float*>& parameters, float* packed) const override {
    convolution->pack(parameters[kWeight], packed);
  }
  std::string implementation() const override { return convolution->implementation(); }
  Cost forwardCost() const override;

  int64_t gradientFloats(size_t slot) const override;
  bool hasOwnOrder(size_t slot) const override { return slot == kWeight; }
  void unpackGradient(size_t slot, const float* gradient, float* parameter) const override;

  bool hasGhostNorm() const override { return true; }
  void addGhostNorms(Tape& tape, double* const* norms) override;
  void writeGradients(Tape& tape, float* const* gradients, int64_t stride, double* const* norms) override;
  void addWeightedSum(Tape& tape, const float* const* factors, float* const* sums) override;

  Cost ghostNormCost() const override;
  Cost writeCost() const override;
  Cost weightedSumCost() const override;

 protected:
  // needsInputGradient: whether convolution->inputGradient() will be asked for.
  ConvolutionLayer(const LayerSetup& setup, const Window& window, bool needsInputGradient);

  // Of a chunk: [examples, window.inElements()] and [examples, window.outElements()].
  virtual const float* pictures(const Tape& tape) const = 0;
  virtual const float* responses(const Tape& tape) const = 0;

  const Slots slots;
  const Window window;
  const int64_t channels;  // of the layer's output
  const std::unique_ptr<Convolution> convolution;

 private:
  const float* picture(const Tape& tape, int64_t b) const { return pictures(tape) + b * window.inElements(); }
  const float* response(const Tape& tape, int64_t b) const { return responses(tape) + b * window.outElements(); }
  int64_t weights() const { return convolution->gradientFloats(); }
  int64_t roomFloats() const;
  int64_t patchFloats() const { return window.positions() * window.groups * window.patch(); }
  double productFlops() const { return 2.0 * window.positions() * window.patch() * window.outChannels; }
  int64_t sumScratch() const;
  int64_t normScratch() const;
  Cost patchNormCost() const;

  std::optional<double> ghostNorm(Tape& tape, int64_t b);
  void addWeightNorm(Tape& tape, int64_t b, double* norm);
  void addWrittenNorm(Tape& tape, int64_t b, const float* gradient, double* norm);
  bool patchesMayCancel(Tape& tape, int64_t b, double squaredNorm);
  double productRounding(const Tape& tape, int64_t b) const;
  bool addProductNorm(Tape& tape, int64_t b, double squaredNorm, double rounding, double* norm);
  const float* scaledResponses(Tape& tape, const float* factors, float* room);
  void sumBias(Tape& tape, float* bias, int64_t stride);

  const bool patchesAreInput;  // 1×1 kernel, every pixel once: nothing to unfold
  const GhostNorm patchNorm;
  std::optional<PixelGhostNorm> pixelNorm;  // where it is cheaper
};

}  // namespace hushgrad
