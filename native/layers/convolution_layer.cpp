#include "layers/convolution_layer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "layers/cancelling.h"
#include "layers/scratch.h"

namespace hushgrad {

namespace {

double floatBytes(int64_t count) {
  return sizeof(float) * static_cast<double>(count);
}

// What overflows inside a product over the chunk would take all of the chunk with it, even where its response is 0:
// ∞ · 0. An example without a norm is left out and its rows are zeroed.
void leaveOut(double* norm) {
  *norm = std::numeric_limits<double>::quiet_NaN();
}

// Where it is cheaper than patches.
std::optional<PixelGhostNorm> pixelNormOf(Backend& backend, const Window& window, double patchOperations) {
  if (!window.isPicture()) return std::nullopt;
  PixelGhostNorm norm(backend, window);
  if (operations({norm.flops(), norm.bytes()}) < patchOperations) return norm;
  return std::nullopt;
}

}  // namespace

ConvolutionLayer::ConvolutionLayer(const LayerSetup& setup, const Window& window, bool needsInputGradient)
    : Layer(setup),
      slots(setup.node),
      window(window),
      channels(setup.outputShape[0]),
      convolution(setup.backend.convolution(window, needsInputGradient, capacity)),
      patchesAreInput(window.taps() == 1 && window.positions() * window.inChannels == window.inElements() &&
                      window.padDepth + window.padHeight + window.padWidth == 0),
      patchNorm(setup.backend, {window.positions(), window.groups, window.patch(), window.outChannels / window.groups}),
      pixelNorm(pixelNormOf(setup.backend, window, operations(patchNormCost()))) {}

int64_t ConvolutionLayer::scratchFloats() const {
  return std::max(sumScratch(), normScratch());
}

Cost ConvolutionLayer::forwardCost() const {
  return {productFlops(), floatBytes(window.inElements() + window.outElements()) + floatBytes(weights()) / capacity};
}

int64_t ConvolutionLayer::gradientFloats(size_t slot) const {
  if (!slots.has(slot)) return 0;
  return slot == kWeight ? weights() : channels;
}

void ConvolutionLayer::unpackGradient(size_t slot, const float* gradient, float* parameter) const {
  if (slot != kWeight) return Layer::unpackGradient(slot, gradient, parameter);
  convolution->unpackGradient(gradient, parameter);
}

// ---- The three answers

void ConvolutionLayer::addGhostNorms(Tape& tape, double* const* norms) {
  double* weight = slots.of(norms, kWeight);
  double* bias = slots.of(norms, kBias);
  for (int64_t b = 0; weight != nullptr && b < tape.examples; ++b) addWeightNorm(tape, b, weight + b);
  if (bias == nullptr) return;
  sumBias(tape, tape.scratch, channels);
  backend.addSquaredNorms(tape.examples, channels, tape.scratch, channels, bias);
}

void ConvolutionLayer::writeGradients(Tape& tape, float* const* gradients, int64_t stride, double* const* norms) {
  float* weight = slots.of(gradients, kWeight);
  float* bias = slots.of(gradients, kBias);
  double* weightNorms = slots.of(norms, kWeight);
  for (int64_t b = 0; weight != nullptr && b < tape.examples; ++b) {
    convolution->weightGradient(1, picture(tape, b), response(tape, b), weight + b * stride, tape.scratch);
    if (weightNorms) addWrittenNorm(tape, b, weight + b * stride, weightNorms + b);
  }
  if (bias == nullptr) return;
  sumBias(tape, bias, stride);
  double* biasNorms = slots.of(norms, kBias);
  if (biasNorms)
    backend.addSquaredNorms(tape.examples, channels, bias, stride, biasNorms, slots.mask(tape, kBias).bits);
}

void ConvolutionLayer::addWeightedSum(Tape& tape, const float* const* factors, float* const* sums) {
  float* weight = slots.of(sums, kWeight);
  float* bias = slots.of(sums, kBias);
  Scratch parts(tape.scratch);
  float* room = parts.take(roomFloats());
  if (weight != nullptr) {
    const float* factored = slots.of(factors, kWeight);
    float* gradient = parts.take(weights());
    convolution->weightGradient(tape.examples, pictures(tape), scaledResponses(tape, factored, room), gradient,
                                parts.rest());
    backend.add(weights(), gradient, weight);
    addCancelling(backend, tape, factored, weights(), gradient, weight, [&](int64_t b, float* written) {
      convolution->weightGradient(1, picture(tape, b), response(tape, b), written, parts.rest());
    });
  }
  if (bias == nullptr) return;
  // Positions first: those of one example may cancel, and its sum is what its factor bounds.
  sumBias(tape, room, channels);
  backend.addWeightedRows(tape.examples, channels, room, channels, slots.of(factors, kBias), bias);
}

Cost ConvolutionLayer::ghostNormCost() const {
  Cost cost = pixelNorm ? Cost{pixelNorm->flops(), pixelNorm->bytes()} : patchNormCost();
  return {cost.flops + outputElements, cost.bytes + floatBytes(outputElements)};
}

Cost ConvolutionLayer::writeCost() const {
  return {productFlops() + outputElements,
          floatBytes(window.inElements() + window.outElements() + outputElements + weights())};
}

Cost ConvolutionLayer::weightedSumCost() const {
  double accumulator = 4 * floatBytes(weights()) / capacity;  // written, read back, added to the sum
  return {productFlops() + outputElements + window.outElements() + static_cast<double>(weights()) / capacity,
          floatBytes(window.inElements() + 3 * window.outElements() + outputElements) + accumulator};
}

// ---- Memory

int64_t ConvolutionLayer::roomFloats() const {
  return capacity * std::max(window.outElements(), channels);
}

int64_t ConvolutionLayer::sumScratch() const {
  return Scratch::sizeOf({roomFloats(), weights(), convolution->scratchFloats()});
}

int64_t ConvolutionLayer::normScratch() const {
  int64_t patches = Scratch::sizeOf({patchesAreInput ? 0 : patchFloats(), patchNorm.scratchFloats()});
  int64_t written = Scratch::sizeOf({weights(), convolution->scratchFloats()});
  return std::max(pixelNorm ? pixelNorm->scratchFloats() : patches, written);
}

Cost ConvolutionLayer::patchNormCost() const {
  double unfolded = patchesAreInput ? 0 : floatBytes(window.inElements() + patchFloats());
  return {patchNorm.flops(), patchNorm.bytes() + unfolded};
}

// ---- Norms

std::optional<double> ConvolutionLayer::ghostNorm(Tape& tape, int64_t b) {
  if (pixelNorm) return pixelNorm->squared(picture(tape, b), response(tape, b), tape.scratch);
  Scratch parts(tape.scratch);
  if (patchesAreInput) return patchNorm.squared(picture(tape, b), response(tape, b), parts.rest());
  float* patches = parts.take(patchFloats());
  backend.unfold(window, picture(tape, b), patches);
  return patchNorm.squared(patches, response(tape, b), parts.rest());
}

void ConvolutionLayer::addWeightNorm(Tape& tape, int64_t b, double* norm) {
  const double rounding = productRounding(tape, b);
  if (!std::isfinite(rounding)) return leaveOut(norm);
  std::optional<double> squared = ghostNorm(tape, b);
  if (squared && addProductNorm(tape, b, *squared, rounding, norm)) return;
  if (tape.cancels) tape.cancels[b] = true;
  Scratch written(tape.scratch);
  float* gradient = written.take(weights());
  convolution->weightGradient(1, picture(tape, b), response(tape, b), gradient, written.rest());
  backend.addSquaredNorms(1, weights(), gradient, 0, norm);
}

void ConvolutionLayer::addWrittenNorm(Tape& tape, int64_t b, const float* gradient, double* norm) {
  double squared = 0;
  backend.addSquaredNorms(1, weights(), gradient, 0, &squared, slots.mask(tape, kWeight).bits);
  const double rounding = productRounding(tape, b);
  if (!std::isfinite(rounding)) return leaveOut(norm);
  if (tape.cancels && !patchesMayCancel(tape, b, squared) && addProductNorm(tape, b, squared, rounding, norm)) return;
  if (tape.cancels) tape.cancels[b] = true;
  *norm += squared;
}

bool ConvolutionLayer::patchesMayCancel(Tape& tape, int64_t b, double squaredNorm) {
  double pictureSquares = 0, responseSquares = 0;
  backend.addSquaredNorms(1, window.inElements(), picture(tape, b), 0, &pictureSquares);
  backend.addSquaredNorms(1, window.outElements(), response(tape, b), 0, &responseSquares);
  double patchSquares = pictureSquares * static_cast<double>(window.taps());
  return termsMayCancel(patchSquares * responseSquares, squaredNorm, window.positions());
}

double ConvolutionLayer::productRounding(const Tape& tape, int64_t b) const {
  return tape.cancels ? convolution->sumRounding(picture(tape, b), response(tape, b)) : 0;
}

// The norm that example b has in a product over the chunk: its own, and what the product's rounding may leave of it.
// False where that is no small part: the example then has to be added written out.
bool ConvolutionLayer::addProductNorm(Tape& tape, int64_t b, double squaredNorm, double rounding, double* norm) {
  constexpr double kSmall = 4e-6;
  if (!(rounding <= kSmall * squaredNorm)) return false;
  if (tape.cancels) tape.cancels[b] = false;
  *norm += squaredNorm + rounding;
  return true;
}

// ---- Sums

const float* ConvolutionLayer::scaledResponses(Tape& tape, const float* factors, float* room) {
  if (factors == nullptr) return responses(tape);
  backend.scaleRows(tape.examples, window.outElements(), factors, responses(tape), room);
  if (!tape.masks.empty()) backend.zeroCoarse(tape.examples * window.outElements(), room);
  clearCancelling(backend, tape, window.outElements(), room);
  return room;
}

void ConvolutionLayer::sumBias(Tape& tape, float* bias, int64_t stride) {
  backend.sumPositions(tape.examples, outputElements / channels, channels, tape.outputGradient, bias, stride);
}

}  // namespace hushgrad
