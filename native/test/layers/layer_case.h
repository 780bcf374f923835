// One row a layer and setting: what the engine would tell the layer, and what it computes, written down once more for
// one example, in float64 and PyTorch's order. Adding a layer adds rows in layer_case.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/spec.h"

namespace hushgrad {

using Doubles = std::vector<double>;

struct LayerCase {
  std::string name;
  std::string kind;
  Attributes attributes;
  Shape input, output;
  std::vector<Shape> parameters;  // by slot; an empty shape where the layer goes without
  std::function<Doubles(const Doubles& x, const std::vector<Doubles>& parameters)> forward;
};

const std::vector<LayerCase>& layerCases();

// x as PyTorch has it to channels-last, and back, for one example.
Doubles toChannelsLast(const Shape& shape, const Doubles& plain);
Doubles toPlain(const Shape& shape, const Doubles& channelsLast);

// Gradients of Σ dy·y by central differences of the case's float64 forward.
Doubles inputDifferences(const LayerCase& layer, const Doubles& x, const std::vector<Doubles>& parameters,
                         const Doubles& dy);
Doubles parameterDifferences(const LayerCase& layer, const Doubles& x, const std::vector<Doubles>& parameters,
                             const Doubles& dy, size_t slot);

}  // namespace hushgrad
