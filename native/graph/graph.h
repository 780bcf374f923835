// The model made ready for execution: layout changes inserted where a plain value meets a channels-last layer, and
// for every value whether a gradient has to reach it. Values are numbered as in ModelSpec: 0 is the input, i + 1 the
// output of node i (of this graph, inserted nodes included).
#pragma once

#include <memory>
#include <vector>

#include "graph/spec.h"
#include "layers/layer.h"

namespace hushgrad {

struct Graph {
  std::vector<NodeSpec> nodes;
  std::vector<Shape> shapes;                // by value
  std::vector<bool> needsGradient;          // by value: some trainable parameter lies upstream
  std::vector<std::vector<int>> consumers;  // by value: nodes that read it
  std::vector<ParameterSpec> parameters;
  int64_t views = 1;      // of each example; shapes are those of one view
  std::vector<int> uses;  // by parameter: how many layers have it

  int output() const { return static_cast<int>(nodes.size()); }
  bool trains(size_t node) const;                                            // has a trainable parameter
  bool shares(size_t node) const;                                            // has one that is used elsewhere too
  int64_t elements(int value) const { return views * viewElements(value); }  // of an example
  int64_t viewElements(int value) const { return elementCount(shapes[static_cast<size_t>(value)]); }
};

// Throws std::invalid_argument, naming the layer's path, when a layer refuses its settings.
Graph lower(const ModelSpec& model, Backend& backend);

// The layer of a node, for chunks of up to `capacity` examples; `masked`: its tapes may hold masks.
std::unique_ptr<Layer> makeNodeLayer(const Graph& graph, size_t node, int64_t capacity, Backend& backend,
                                     bool masked = false);

}  // namespace hushgrad
