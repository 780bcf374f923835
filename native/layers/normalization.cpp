#include "layers/normalization.h"

#include "layers/scratch.h"

namespace hushgrad {

NormalizationLayer::NormalizationLayer(const LayerSetup& setup, const Backend::Normalization& normalization)
    : Layer(setup), slots(setup.node), normalization(normalization) {}

int64_t NormalizationLayer::scratchFloats() const {
  int64_t rows = capacity * normalization.channels;
  return Scratch::sizeOf({slots.has(kWeight) ? rows : 0, slots.has(kBias) ? rows : 0});
}

void NormalizationLayer::forward(Tape& tape) {
  backend.normalize(normalization, tape.examples, tape.inputs[0], slots.parameter(tape, kWeight),
                    slots.parameter(tape, kBias), tape.output, tape.saved);
}

void NormalizationLayer::inputGradient(Tape& tape) {
  backend.normalizeGradient(normalization, tape.examples, tape.inputs[0], tape.saved, slots.parameter(tape, kWeight),
                            tape.outputGradient, tape.inputGradients[0]);
}

Cost NormalizationLayer::forwardCost() const {
  double elements = static_cast<double>(outputElements);
  return {7 * elements, sizeof(float) * 3 * elements};  // read for the statistics, read again, written
}

int64_t NormalizationLayer::gradientFloats(size_t slot) const {
  return slots.has(slot) ? normalization.channels : 0;
}

void NormalizationLayer::writeGradients(Tape& tape, float* const* gradients, int64_t stride, double* const* norms) {
  float* weight = slots.of(gradients, kWeight);
  float* bias = slots.of(gradients, kBias);
  if (weight == nullptr && bias == nullptr) return;
  backend.normalizeParameterGradients(normalization, tape.examples, tape.inputs[0], tape.saved, tape.outputGradient,
                                      weight, bias, stride);
  for (size_t slot : {kWeight, kBias}) {
    double* sums = slots.of(norms, slot);
    if (sums)
      backend.addSquaredNorms(tape.examples, normalization.channels, gradients[slot], stride, sums,
                              slots.mask(tape, slot).bits);
  }
}

void NormalizationLayer::addWeightedSum(Tape& tape, const float* const* factors, float* const* sums) {
  int64_t channels = normalization.channels;
  Scratch parts(tape.scratch);
  float* gradients[2] = {nullptr, nullptr};
  for (size_t slot : {kWeight, kBias}) {
    if (slots.of(sums, slot) != nullptr) gradients[slot] = parts.take(capacity * channels);
  }
  writeGradients(tape, gradients, channels, nullptr);
  for (size_t slot : {kWeight, kBias}) {
    if (gradients[slot] == nullptr) continue;
    backend.addWeightedRows(tape.examples, channels, gradients[slot], channels, slots.of(factors, slot), sums[slot]);
  }
}

Cost NormalizationLayer::writeCost() const {
  double elements = static_cast<double>(outputElements);
  return {5 * elements, sizeof(float) * 2 * (elements + normalization.channels)};
}

Cost NormalizationLayer::weightedSumCost() const {
  Cost cost = writeCost();
  cost.flops += 4.0 * normalization.channels;
  cost.bytes += sizeof(float) * 2.0 * normalization.channels;
  return cost;
}

}  // namespace hushgrad
