// A layer made and driven as the engine does it, on memory of exactly the sizes it asked for. Values go in and come
// out in PyTorch's order. Scratch is filled with NaN before every call, and a guard behind every buffer is checked.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "layers/layer.h"
#include "test/layers/layer_case.h"

namespace hushgrad {

class GuardedFloats {
 public:
  explicit GuardedFloats(int64_t count);
  float* data() { return memory.data(); }
  void poison();  // all NaN
  bool intact() const;

 private:
  std::vector<float> memory;
};

class LayerRun {
 public:
  // Parameters, inputs and output gradients are drawn from a standard normal distribution. An example is `views` rows
  // of inputs and outputs; with one, a row is an example.
  LayerRun(Backend& backend, const LayerCase& layerCase, int64_t capacity, uint32_t seed = 1, int64_t views = 1);

  void setRow(int64_t row, const Doubles& x, const Doubles& dy);
  void forward(int64_t examples);  // keeps `examples` for the calls below
  void backward();
  Tape& tape() { return chunk; }
  // Whether element i of a slot's gradient, in the layer's own order, takes part under the tape's masks.
  bool keeps(size_t slot, int64_t i) const;
  Layer& layer() { return *object; }

  Doubles x(int64_t row) const { return inputs[row]; }
  Doubles dy(int64_t row) const { return outputGradients[row]; }
  const std::vector<Doubles>& parameters() const { return parameterValues; }
  Doubles output(int64_t row);
  Doubles inputGradient(int64_t row);

  size_t slots() const { return parameterValues.size(); }
  bool has(size_t slot) const { return !parameterValues[slot].empty(); }

  // The three answers, of the slots where wanted[slot] holds; the others are passed as null and come back empty.
  using Wanted = std::vector<bool>;
  Wanted all() const;
  std::vector<std::vector<double>> ghostNorms(const Wanted& wanted);         // [slot][b]
  std::vector<std::vector<Doubles>> writtenGradients(const Wanted& wanted);  // [slot][b], PyTorch's order
  // factors[slot] of the examples; empty: null, all ones. Starts from sums that are not zero.
  std::vector<Doubles> weightedSums(const Wanted& wanted, const std::vector<std::vector<float>>& factors);

 private:
  bool channelsLast() const { return object->layout() == Layer::Layout::channelsLast; }
  void load(float* to, int64_t row, const Shape& shape, const Doubles& values) const;
  Doubles store(const float* from, int64_t row, const Shape& shape) const;
  Doubles unpacked(size_t slot, const float* gradient) const;
  void checkGuards();

  LayerCase layerCase;
  const int64_t views;
  const int64_t rows;  // of `capacity` examples
  NodeSpec node;
  std::unique_ptr<Layer> object;
  std::vector<Doubles> inputs, outputGradients, parameterValues;
  std::vector<std::vector<float>> parameterFloats;
  GuardedFloats x_, y_, dy_, dx_, saved, scratch, packed;
  Tape chunk;
};

}  // namespace hushgrad
