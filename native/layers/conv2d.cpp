// Convolution over [C, H, W]: a linear layer applied at every output position to the patch of the input beneath it.
// Its weight gradient is Σ_t e_t patch_tᵀ, and so are the three answers.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "layers/cancelling.h"
#include "layers/ghost_norm.h"
#include "layers/layer.h"
#include "layers/pixel_ghost_norm.h"
#include "layers/scratch.h"
#include "layers/slots.h"
#include "layers/window.h"

namespace hushgrad {
namespace {

class Conv2d : public Layer {
 public:
  explicit Conv2d(const LayerSetup& setup)
      : Layer(setup),
        slots(setup.node),
        window(windowOf(setup)),
        patchesAreInput(window.kernelHeight * window.kernelWidth == 1 &&
                        window.positions() * window.inChannels == window.inElements() &&
                        window.padHeight + window.padWidth == 0),
        convolution(setup.backend.convolution(window, setup.needsInputGradient, capacity)),
        patchNorm(setup.backend,
                  {window.positions(), window.groups, window.patch(), window.outChannels / window.groups}),
        pixelNorm(setup.backend, window),
        byPixels(operations(pixelNormCost()) < operations(patchNormCost())) {}

  Layout layout() const override { return Layout::channelsLast; }
  bool backwardReadsInput() const override { return true; }
  int64_t scratchFloats() const override { return std::max(sumScratch(), normScratch()); }
  int64_t packedFloats() const override { return convolution->packedFloats(); }
  void pack(const std::vector<const float*>& parameters, float* packed) const override {
    convolution->pack(parameters[kWeight], packed);
  }
  std::string implementation() const override { return convolution->implementation(); }

  void forward(Tape& tape) override {
    const float* bias = slots.parameter(tape, kBias);
    convolution->forward(tape.examples, tape.inputs[0], tape.packed, bias, tape.output, tape.scratch);
  }

  void inputGradient(Tape& tape) override {
    convolution->inputGradient(tape.examples, tape.outputGradient, tape.packed, tape.inputGradients[0], tape.scratch);
  }

  Cost forwardCost() const override {
    return {productFlops(), floatBytes(window.inElements() + window.outElements()) + floatBytes(weights()) / capacity};
  }

  int64_t gradientFloats(size_t slot) const override {
    if (!slots.has(slot)) return 0;
    return slot == kWeight ? convolution->gradientFloats() : window.outChannels;
  }

  bool hasOwnOrder(size_t slot) const override { return slot == kWeight; }

  void unpackGradient(size_t slot, const float* gradient, float* parameter) const override {
    if (slot != kWeight) return Layer::unpackGradient(slot, gradient, parameter);
    convolution->unpackGradient(gradient, parameter);
  }

  bool hasGhostNorm() const override { return true; }

  void addGhostNorms(Tape& tape, double* const* norms) override {
    double* weight = slots.of(norms, kWeight);
    double* bias = slots.of(norms, kBias);
    for (int64_t b = 0; weight != nullptr && b < tape.examples; ++b) addWeightNorm(tape, b, weight + b);
    if (bias == nullptr) return;
    sumBias(tape, tape.scratch, window.outChannels);
    backend.addSquaredNorms(tape.examples, window.outChannels, tape.scratch, window.outChannels, bias);
  }

  void writeGradients(Tape& tape, float* const* gradients, int64_t stride, double* const* norms) override {
    float* weight = slots.of(gradients, kWeight);
    float* bias = slots.of(gradients, kBias);
    double* weightNorms = slots.of(norms, kWeight);
    for (int64_t b = 0; weight != nullptr && b < tape.examples; ++b) {
      convolution->weightGradient(1, input(tape, b), outputGradient(tape, b), weight + b * stride, tape.scratch);
      if (weightNorms) addWrittenNorm(tape, b, weight + b * stride, weightNorms + b);
    }
    if (bias == nullptr) return;
    sumBias(tape, bias, stride);
    double* biasNorms = slots.of(norms, kBias);
    if (biasNorms)
      backend.addSquaredNorms(tape.examples, window.outChannels, bias, stride, biasNorms, slots.mask(tape, kBias).bits);
  }

  void addWeightedSum(Tape& tape, const float* const* factors, float* const* sums) override {
    float* weight = slots.of(sums, kWeight);
    float* bias = slots.of(sums, kBias);
    Scratch parts(tape.scratch);
    float* room = parts.take(capacity * outputElements);
    if (weight != nullptr) {
      const float* factored = slots.of(factors, kWeight);
      float* gradient = parts.take(weights());
      convolution->weightGradient(tape.examples, tape.inputs[0], scaledGradient(tape, factored, room), gradient,
                                  parts.rest());
      backend.add(weights(), gradient, weight);
      addCancelling(backend, tape, factored, weights(), gradient, weight, [&](int64_t b, float* written) {
        convolution->weightGradient(1, input(tape, b), outputGradient(tape, b), written, parts.rest());
      });
    }
    if (bias == nullptr) return;
    // Positions first: those of one example may cancel, and its sum is what its factor bounds.
    sumBias(tape, room, window.outChannels);
    backend.addWeightedRows(tape.examples, window.outChannels, room, window.outChannels, slots.of(factors, kBias),
                            bias);
  }

  Cost ghostNormCost() const override {
    Cost cost = byPixels ? pixelNormCost() : patchNormCost();
    return {cost.flops + outputElements, cost.bytes + floatBytes(outputElements)};
  }
  Cost writeCost() const override {
    return {productFlops() + outputElements, floatBytes(window.inElements() + 2 * outputElements + weights())};
  }
  Cost weightedSumCost() const override {
    double accumulator = 4 * floatBytes(weights()) / capacity;  // written, read back, added to the sum
    return {productFlops() + 2.0 * outputElements + static_cast<double>(weights()) / capacity,
            floatBytes(window.inElements() + 4 * outputElements) + accumulator};
  }

 private:
  static double floatBytes(int64_t count) { return sizeof(float) * static_cast<double>(count); }
  int64_t weights() const { return convolution->gradientFloats(); }
  double productFlops() const { return 2.0 * window.positions() * window.patch() * window.outChannels; }
  int64_t patchFloats() const { return window.positions() * window.groups * window.patch(); }

  int64_t sumScratch() const {
    return Scratch::sizeOf({capacity * outputElements, convolution->gradientFloats(), convolution->scratchFloats()});
  }
  int64_t normScratch() const {
    int64_t patches = Scratch::sizeOf({patchesAreInput ? 0 : patchFloats(), patchNorm.scratchFloats()});
    int64_t written = Scratch::sizeOf({weights(), convolution->scratchFloats()});
    return std::max(byPixels ? pixelNorm.scratchFloats() : patches, written);
  }
  Cost patchNormCost() const {
    double unfolded = patchesAreInput ? 0 : floatBytes(window.inElements() + patchFloats());
    return {patchNorm.flops(), patchNorm.bytes() + unfolded};
  }
  Cost pixelNormCost() const { return {pixelNorm.flops(), pixelNorm.bytes()}; }

  const float* input(const Tape& tape, int64_t b) const { return tape.inputs[0] + b * window.inElements(); }
  const float* outputGradient(const Tape& tape, int64_t b) const { return tape.outputGradient + b * outputElements; }

  std::optional<double> ghostNorm(Tape& tape, int64_t b) {
    const float* picture = input(tape, b);
    if (byPixels) return pixelNorm.squared(picture, outputGradient(tape, b), tape.scratch);
    Scratch parts(tape.scratch);
    if (patchesAreInput) return patchNorm.squared(picture, outputGradient(tape, b), parts.rest());
    float* patches = parts.take(patchFloats());
    backend.unfold(window, picture, patches);
    return patchNorm.squared(patches, outputGradient(tape, b), parts.rest());
  }

  void addWeightNorm(Tape& tape, int64_t b, double* norm) {
    const double rounding = productRounding(tape, b);
    if (!std::isfinite(rounding)) return leaveOut(norm);
    std::optional<double> squared = ghostNorm(tape, b);
    if (squared && addProductNorm(tape, b, *squared, rounding, norm)) return;
    if (tape.cancels) tape.cancels[b] = true;
    Scratch written(tape.scratch);
    float* gradient = written.take(weights());
    convolution->weightGradient(1, input(tape, b), outputGradient(tape, b), gradient, written.rest());
    backend.addSquaredNorms(1, weights(), gradient, 0, norm);
  }

  void addWrittenNorm(Tape& tape, int64_t b, const float* gradient, double* norm) {
    double squared = 0;
    backend.addSquaredNorms(1, weights(), gradient, 0, &squared, slots.mask(tape, kWeight).bits);
    const double rounding = productRounding(tape, b);
    if (!std::isfinite(rounding)) return leaveOut(norm);
    if (tape.cancels && !patchesMayCancel(tape, b, squared) && addProductNorm(tape, b, squared, rounding, norm)) return;
    if (tape.cancels) tape.cancels[b] = true;
    *norm += squared;
  }

  bool patchesMayCancel(Tape& tape, int64_t b, double squaredNorm) {
    double inputSquares = 0, outputSquares = 0;
    backend.addSquaredNorms(1, window.inElements(), input(tape, b), 0, &inputSquares);
    backend.addSquaredNorms(1, outputElements, outputGradient(tape, b), 0, &outputSquares);
    double patchSquares = inputSquares * static_cast<double>(window.kernelHeight * window.kernelWidth);
    return termsMayCancel(patchSquares * outputSquares, squaredNorm, window.positions());
  }

  double productRounding(const Tape& tape, int64_t b) const {
    return tape.cancels ? convolution->sumRounding(input(tape, b), outputGradient(tape, b)) : 0;
  }

  // What overflows inside a product over the chunk would take all of the chunk with it, even where its output gradient
  // is 0: ∞ · 0. An example without a norm is left out and its rows are zeroed.
  static void leaveOut(double* norm) { *norm = std::numeric_limits<double>::quiet_NaN(); }

  // The norm that example b has in a product over the chunk: its own, and what the product's rounding may leave of it.
  // False where that is no small part: the example then has to be added written out.
  bool addProductNorm(Tape& tape, int64_t b, double squaredNorm, double rounding, double* norm) {
    constexpr double kSmall = 4e-6;
    if (!(rounding <= kSmall * squaredNorm)) return false;
    if (tape.cancels) tape.cancels[b] = false;
    *norm += squaredNorm + rounding;
    return true;
  }

  const float* scaledGradient(Tape& tape, const float* factors, float* room) {
    if (factors == nullptr) return tape.outputGradient;
    backend.scaleRows(tape.examples, outputElements, factors, tape.outputGradient, room);
    if (!tape.masks.empty()) backend.zeroCoarse(tape.examples * outputElements, room);
    clearCancelling(backend, tape, outputElements, room);
    return room;
  }

  void sumBias(Tape& tape, float* bias, int64_t stride) {
    backend.sumPositions(tape.examples, window.positions(), window.outChannels, tape.outputGradient, bias, stride);
  }

  const Slots slots;
  const Window window;
  const bool patchesAreInput;  // 1×1 kernel, every pixel once: nothing to unfold
  const std::unique_ptr<Convolution> convolution;
  const GhostNorm patchNorm;
  PixelGhostNorm pixelNorm;
  const bool byPixels;  // which of the two is cheaper
};

HUSHGRAD_LAYER("Conv2d", Conv2d);

}  // namespace
}  // namespace hushgrad
