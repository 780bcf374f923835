#include "test/layers/layer_run.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "test/support/numbers.h"

namespace hushgrad {

namespace {

constexpr int64_t kGuard = 16;
constexpr float kGuardValue = 12345.0f;

NodeSpec nodeOf(const LayerCase& layerCase) {
  NodeSpec node;
  node.kind = layerCase.kind;
  node.path = "tested";
  node.inputs = {0};
  for (const Shape& shape : layerCase.parameters) {
    node.parameters.push_back(shape.empty() ? -1 : static_cast<int>(node.parameters.size()));
  }
  node.attributes = layerCase.attributes;
  node.outputShape = layerCase.output;
  return node;
}

std::vector<Doubles> drawn(size_t rows, int64_t elements, uint32_t seed) {
  std::vector<Doubles> values;
  for (size_t r = 0; r < rows; ++r) {
    std::vector<float> row = normalFloats(elements, seed * 1000 + static_cast<uint32_t>(r));
    values.push_back(toDoubles(row.data(), elements));
  }
  return values;
}

}  // namespace

GuardedFloats::GuardedFloats(int64_t count) : memory(static_cast<size_t>(count + kGuard), kGuardValue) {
  poison();
}

void GuardedFloats::poison() {
  std::fill(memory.begin(), memory.end() - kGuard, NAN);
}

bool GuardedFloats::intact() const {
  return std::all_of(memory.end() - kGuard, memory.end(), [](float value) { return value == kGuardValue; });
}

LayerRun::LayerRun(Backend& backend, const LayerCase& layerCase, int64_t capacity, uint32_t seed, int64_t views)
    : layerCase(layerCase),
      views(views),
      rows(capacity * views),
      node(nodeOf(layerCase)),
      object(makeLayer({node, {layerCase.input}, layerCase.output, capacity, true, backend, true, views})),
      inputs(drawn(static_cast<size_t>(rows), elementCount(layerCase.input), 3 * seed)),
      outputGradients(drawn(static_cast<size_t>(rows), elementCount(layerCase.output), 3 * seed + 1)),
      x_(rows * elementCount(layerCase.input)),
      y_(rows * elementCount(layerCase.output)),
      dy_(rows * elementCount(layerCase.output)),
      dx_(rows * elementCount(layerCase.input)),
      saved(capacity * object->savedFloats()),
      scratch(object->scratchFloats()),
      packed(object->packedFloats()) {
  for (const Shape& shape : layerCase.parameters) {
    int64_t count = shape.empty() ? 0 : elementCount(shape);
    parameterFloats.push_back(normalFloats(count, seed * 77 + static_cast<uint32_t>(parameterFloats.size())));
    parameterValues.push_back(toDoubles(parameterFloats.back().data(), count));
  }
  for (const std::vector<float>& values : parameterFloats) {
    chunk.parameters.push_back(values.empty() ? nullptr : values.data());
  }
  chunk.inputs = {x_.data()};
  chunk.output = y_.data();
  chunk.outputGradient = dy_.data();
  chunk.inputGradients = {dx_.data()};
  chunk.saved = saved.data();
  chunk.scratch = scratch.data();
  chunk.packed = packed.data();
  object->pack(chunk.parameters, packed.data());
}

void LayerRun::setRow(int64_t row, const Doubles& x, const Doubles& dy) {
  inputs[row] = x;
  outputGradients[row] = dy;
}

void LayerRun::forward(int64_t examples) {
  chunk.examples = examples;
  for (int64_t row = 0; row < examples * views; ++row) {
    load(x_.data(), row, layerCase.input, inputs[row]);
    load(dy_.data(), row, layerCase.output, outputGradients[row]);
  }
  scratch.poison();
  object->forward(chunk);
  checkGuards();
}

void LayerRun::backward() {
  scratch.poison();
  dx_.poison();
  object->inputGradient(chunk);
  checkGuards();
}

Doubles LayerRun::output(int64_t row) {
  return store(y_.data(), row, layerCase.output);
}
Doubles LayerRun::inputGradient(int64_t row) {
  return store(dx_.data(), row, layerCase.input);
}

LayerRun::Wanted LayerRun::all() const {
  Wanted wanted;
  for (size_t slot = 0; slot < slots(); ++slot) wanted.push_back(has(slot));
  return wanted;
}

std::vector<std::vector<double>> LayerRun::ghostNorms(const Wanted& wanted) {
  std::vector<std::vector<double>> norms(slots());
  std::vector<double*> pointers;
  for (size_t slot = 0; slot < slots(); ++slot) {
    if (wanted[slot]) norms[slot].assign(static_cast<size_t>(chunk.examples), 0.0);
    pointers.push_back(wanted[slot] ? norms[slot].data() : nullptr);
  }
  scratch.poison();
  object->addGhostNorms(chunk, pointers.data());
  checkGuards();
  return norms;
}

std::vector<std::vector<Doubles>> LayerRun::writtenGradients(const Wanted& wanted) {
  int64_t stride = 0;
  for (size_t slot = 0; slot < slots(); ++slot) stride += object->gradientFloats(slot);
  GuardedFloats rows(chunk.examples * stride);
  std::vector<float*> pointers;
  float* next = rows.data();
  for (size_t slot = 0; slot < slots(); ++slot) {
    pointers.push_back(wanted[slot] ? next : nullptr);
    next += object->gradientFloats(slot);
  }
  std::vector<std::vector<double>> norms(slots(), std::vector<double>(static_cast<size_t>(chunk.examples), 1.0));
  std::vector<double*> normPointers;
  for (size_t slot = 0; slot < slots(); ++slot) normPointers.push_back(wanted[slot] ? norms[slot].data() : nullptr);
  scratch.poison();
  object->writeGradients(chunk, pointers.data(), stride, normPointers.data());
  checkGuards();
  // The norms on the way are added to what was there: 1. They are those of what the tape's masks keep.
  for (size_t slot = 0; slot < slots(); ++slot) {
    for (int64_t b = 0; wanted[slot] && b < chunk.examples; ++b) {
      double squared = 1;
      for (int64_t i = 0; i < object->gradientFloats(slot); ++i) {
        double value = pointers[slot][b * stride + i];
        if (keeps(slot, i)) squared += value * value;
      }
      if (std::isfinite(squared)) EXPECT_NEAR(norms[slot][static_cast<size_t>(b)], squared, 1e-6 * squared);
    }
  }
  EXPECT_TRUE(rows.intact());
  std::vector<std::vector<Doubles>> written(slots());
  for (size_t slot = 0; slot < slots(); ++slot) {
    for (int64_t b = 0; wanted[slot] && b < chunk.examples; ++b) {
      written[slot].push_back(unpacked(slot, pointers[slot] + b * stride));
    }
  }
  return written;
}

std::vector<Doubles> LayerRun::weightedSums(const Wanted& wanted, const std::vector<std::vector<float>>& factors) {
  std::vector<GuardedFloats> sums;
  std::vector<float*> pointers;
  std::vector<const float*> factorPointers;
  for (size_t slot = 0; slot < slots(); ++slot) sums.emplace_back(object->gradientFloats(slot));
  for (size_t slot = 0; slot < slots(); ++slot) {
    std::fill_n(sums[slot].data(), object->gradientFloats(slot), 0.5f);
    pointers.push_back(wanted[slot] ? sums[slot].data() : nullptr);
    factorPointers.push_back(factors[slot].empty() ? nullptr : factors[slot].data());
  }
  // Slots of one group share one list of factors, and layers may tell by the pointer.
  if (slots() == 2 && factors[0] == factors[1]) factorPointers[1] = factorPointers[0];
  scratch.poison();
  object->addWeightedSum(chunk, factorPointers.data(), pointers.data());
  checkGuards();
  std::vector<Doubles> result(slots());
  for (size_t slot = 0; slot < slots(); ++slot) {
    EXPECT_TRUE(sums[slot].intact());
    if (!wanted[slot]) continue;
    for (int64_t i = 0; i < object->gradientFloats(slot); ++i) sums[slot].data()[i] -= 0.5f;
    result[slot] = unpacked(slot, sums[slot].data());
  }
  return result;
}

bool LayerRun::keeps(size_t slot, int64_t i) const {
  return chunk.masks.empty() || (chunk.masks[slot].bits[i / 8] >> (i % 8) & 1);
}

void LayerRun::load(float* to, int64_t row, const Shape& shape, const Doubles& values) const {
  Doubles ordered = channelsLast() ? toChannelsLast(shape, values) : values;
  std::transform(ordered.begin(), ordered.end(), to + row * elementCount(shape), [](double v) { return float(v); });
}

Doubles LayerRun::store(const float* from, int64_t row, const Shape& shape) const {
  int64_t count = elementCount(shape);
  Doubles values = toDoubles(from + row * count, count);
  return channelsLast() ? toPlain(shape, values) : values;
}

Doubles LayerRun::unpacked(size_t slot, const float* gradient) const {
  std::vector<float> parameter(parameterFloats[slot].size());
  object->unpackGradient(slot, gradient, parameter.data());
  return toDoubles(parameter.data(), static_cast<int64_t>(parameter.size()));
}

void LayerRun::checkGuards() {
  for (const GuardedFloats* buffer : {&x_, &y_, &dy_, &dx_, &saved, &scratch, &packed}) EXPECT_TRUE(buffer->intact());
}

}  // namespace hushgrad
