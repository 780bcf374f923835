// Convolution over [C, H, W]: a linear layer applied at every output position to the patch of the input beneath it.
// Its weight gradient is Σ_t e_t patch_tᵀ, and so are the three answers.
#include <algorithm>
#include <optional>

#include "layers/ghost_norm.h"
#include "layers/layer.h"
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
        ghost(setup.backend, {window.positions(), window.groups, window.patch(), window.outChannels / window.groups}) {}

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
      if (weightNorms)
        backend.addSquaredNorms(1, weights(), weight + b * stride, 0, weightNorms + b, slots.mask(tape, kWeight).bits);
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
    const float* weightFactors = slots.of(factors, kWeight);
    const float* biasFactors = slots.of(factors, kBias);
    Scratch parts(tape.scratch);
    float* room = parts.take(capacity * outputElements);
    const float* scaled = nullptr;
    if (weight != nullptr) {
      scaled = scaledGradient(tape, weightFactors, room);
      float* gradient = parts.take(convolution->gradientFloats());
      convolution->weightGradient(tape.examples, tape.inputs[0], scaled, gradient, parts.rest());
      backend.add(convolution->gradientFloats(), gradient, weight);
    }
    if (bias == nullptr) return;
    if (scaled == nullptr || biasFactors != weightFactors) scaled = scaledGradient(tape, biasFactors, room);
    backend.addWeightedRows(tape.examples * window.positions(), window.outChannels, scaled, window.outChannels, nullptr,
                            bias);
  }

  Cost ghostNormCost() const override {
    double unfolded = patchesAreInput ? 0 : floatBytes(window.inElements() + patchFloats());
    return {ghost.flops() + outputElements, ghost.bytes() + unfolded + floatBytes(outputElements)};
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
    int64_t gram = Scratch::sizeOf({patchesAreInput ? 0 : patchFloats(), ghost.scratchFloats()});
    int64_t written = Scratch::sizeOf({convolution->gradientFloats(), convolution->scratchFloats()});
    return std::max(gram, written);
  }

  const float* input(const Tape& tape, int64_t b) const { return tape.inputs[0] + b * window.inElements(); }
  const float* outputGradient(const Tape& tape, int64_t b) const { return tape.outputGradient + b * outputElements; }

  void addWeightNorm(Tape& tape, int64_t b, double* norm) {
    Scratch parts(tape.scratch);
    const float* patches = input(tape, b);
    if (!patchesAreInput) {
      float* unfolded = parts.take(patchFloats());
      backend.unfold(window, patches, unfolded);
      patches = unfolded;
    }
    std::optional<double> squared = ghost.squared(patches, outputGradient(tape, b), parts.rest());
    if (squared) {
      *norm += *squared;
      return;
    }
    Scratch written(tape.scratch);
    float* gradient = written.take(convolution->gradientFloats());
    convolution->weightGradient(1, input(tape, b), outputGradient(tape, b), gradient, written.rest());
    backend.addSquaredNorms(1, convolution->gradientFloats(), gradient, 0, norm);
  }

  const float* scaledGradient(Tape& tape, const float* factors, float* room) {
    if (factors == nullptr) return tape.outputGradient;
    backend.scaleRows(tape.examples, outputElements, factors, tape.outputGradient, room);
    if (!tape.masks.empty()) backend.zeroCoarse(tape.examples * outputElements, room);
    return room;
  }

  void sumBias(Tape& tape, float* bias, int64_t stride) {
    backend.sumPositions(tape.examples, window.positions(), window.outChannels, tape.outputGradient, bias, stride);
  }

  const Slots slots;
  const Window window;
  const bool patchesAreInput;  // 1×1 kernel, every pixel once: nothing to unfold
  const std::unique_ptr<Convolution> convolution;
  const GhostNorm ghost;
};

HUSHGRAD_LAYER("Conv2d", Conv2d);

}  // namespace
}  // namespace hushgrad
