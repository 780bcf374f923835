#include "session/gradient_layout.h"

namespace hushgrad {

static constexpr int64_t kAlignment = 16;

static void findPlaces(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers, GradientLayout& layout) {
  for (size_t node = 0; node < graph.nodes.size(); ++node) {
    const std::vector<int>& parameters = graph.nodes[node].parameters;
    for (size_t slot = 0; slot < parameters.size(); ++slot) {
      if (parameters[slot] < 0) continue;
      GradientLayout::Place& place = layout.parameters.at(static_cast<size_t>(parameters[slot]));
      if (place.node >= 0)
        throw std::invalid_argument("layer '" + graph.nodes[node].path + "': shares parameter '" +
                                    graph.parameters[static_cast<size_t>(parameters[slot])].name +
                                    "' with another layer; give each layer parameters of its own");
      place.node = static_cast<int>(node);
      place.slot = slot;
      place.floats = layers[node]->gradientFloats(slot);
    }
  }
}

GradientLayout layOutGradient(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
                              const ClippingSpec& clipping) {
  GradientLayout layout;
  layout.parameters.resize(graph.parameters.size());
  findPlaces(graph, layers, layout);
  for (int group = 0; group < clipping.groups(); ++group) {
    GradientLayout::Range range{layout.columns, 0};
    for (size_t p = 0; p < graph.parameters.size(); ++p) {
      GradientLayout::Place& place = layout.parameters[p];
      if (clipping.groupOfParameter[p] != group || !graph.parameters[p].trainable || place.node < 0) continue;
      place.trained = true;
      place.offset = layout.columns;
      layout.columns += (place.floats + kAlignment - 1) / kAlignment * kAlignment;
    }
    range.columns = layout.columns - range.first;
    layout.groups.push_back(range);
  }
  return layout;
}

}  // namespace hushgrad
