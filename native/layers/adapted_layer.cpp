#include "layers/adapted_layer.h"

#include <algorithm>

#include "layers/scratch.h"

namespace hushgrad {

AdaptedLayer::AdaptedLayer(const LayerSetup& setup, std::unique_ptr<Layer> layer, int64_t rowsPerExample)
    : Layer(setup),
      inner(std::move(layer)),
      slots(setup.node),
      slotCount(setup.node.parameters.size()),
      rowsPerExample(rowsPerExample),
      rowElements(elementCount(setup.outputShape)),
      targets(slotCount),
      written(slotCount) {
  for (const Shape& shape : setup.inputShapes) inputElements.push_back(elementCount(shape));
  rows.inputs.resize(inputElements.size());
  rows.inputGradients.resize(inputElements.size());
  rows.parameters.resize(slotCount);
  rows.masks.reserve(slotCount);
}

int64_t AdaptedLayer::scratchFloats() const {
  int64_t floats = Scratch::sizeOf({exampleFloats()});
  for (size_t slot = 0; slot < slotCount; ++slot) floats += Scratch::sizeOf({gradientFloats(slot)});
  return floats;
}

Tape& AdaptedLayer::rowsOf(const Tape& tape, int64_t first, int64_t count, float* scratch) {
  rows.examples = count;
  rows.training = tape.training;
  rows.dropoutKey = tape.dropoutKey;
  rows.firstExample = tape.firstExample * static_cast<uint64_t>(rowsPerExample) + static_cast<uint64_t>(first);
  for (size_t k = 0; k < inputElements.size(); ++k) {
    rows.inputs[k] = tape.inputs[k] + first * inputElements[k];
    float* gradient = k < tape.inputGradients.size() ? tape.inputGradients[k] : nullptr;
    rows.inputGradients[k] = gradient ? gradient + first * inputElements[k] : nullptr;
  }
  rows.output = tape.output + first * rowElements;
  rows.outputGradient = tape.outputGradient ? tape.outputGradient + first * rowElements : nullptr;
  rows.saved = tape.saved ? tape.saved + first * inner->savedFloats() : nullptr;
  rows.scratch = scratch;
  rows.packed = tape.packed;
  rows.parameters.assign(tape.parameters.begin(), tape.parameters.end());
  return rows;
}

void AdaptedLayer::writeGradients(Tape& tape, float* const* gradients, int64_t stride, double* const* norms) {
  for (int64_t b = 0; b < tape.examples; ++b) {
    for (size_t slot = 0; slot < slotCount; ++slot) {
      float* gradient = slots.of(gradients, slot);
      written[slot] = gradient ? gradient + b * stride : nullptr;
    }
    writeExample(tape, b, written.data(), tape.scratch);
    for (size_t slot = 0; slot < slotCount; ++slot) {
      double* sums = slots.of(norms, slot);
      if (sums && written[slot])
        backend.addSquaredNorms(1, gradientFloats(slot), written[slot], 0, sums + b, slots.mask(tape, slot).bits);
    }
  }
}

void AdaptedLayer::addWeightedSum(Tape& tape, const float* const* factors, float* const* sums) {
  if (factors == nullptr) return addAll(tape, sums, tape.scratch);
  Scratch parts(tape.scratch);
  for (size_t slot = 0; slot < slotCount; ++slot) targets[slot] = parts.take(gradientFloats(slot));
  for (int64_t b = 0; b < tape.examples; ++b) {
    bool any = false;
    for (size_t slot = 0; slot < slotCount; ++slot) {
      const float* factor = slots.of(factors, slot);
      const bool counts = slots.of(sums, slot) != nullptr && (factor == nullptr || factor[b] != 0);
      written[slot] = counts ? targets[slot] : nullptr;
      any = any || counts;
    }
    if (!any) continue;
    writeExample(tape, b, written.data(), parts.rest());
    for (size_t slot = 0; slot < slotCount; ++slot) {
      const int64_t floats = gradientFloats(slot);
      const float* factor = slots.of(factors, slot);
      if (written[slot])
        backend.addWeightedRows(1, floats, written[slot], floats, factor ? factor + b : nullptr, sums[slot]);
    }
  }
}

Cost AdaptedLayer::weightedSumCost() const {
  Cost cost = writeCost();
  for (size_t slot = 0; slot < slotCount; ++slot) {
    const double floats = static_cast<double>(gradientFloats(slot));
    cost.flops += 2 * floats;
    cost.bytes += sizeof(float) * 3 * floats;
  }
  return cost;
}

}  // namespace hushgrad
