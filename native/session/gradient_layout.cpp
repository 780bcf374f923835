#include "session/gradient_layout.h"

#include <algorithm>

namespace hushgrad {

static int64_t alignedFloats(int64_t floats) {
  constexpr int64_t kAlignment = 16;
  return (floats + kAlignment - 1) / kAlignment * kAlignment;
}

static void findPlaces(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers, GradientLayout& layout) {
  for (size_t node = 0; node < graph.nodes.size(); ++node) {
    const std::vector<int>& parameters = graph.nodes[node].parameters;
    for (size_t slot = 0; slot < parameters.size(); ++slot) {
      if (parameters[slot] < 0) continue;
      GradientLayout::Place& place = layout.parameters.at(static_cast<size_t>(parameters[slot]));
      place.gathered = place.gathered || graph.shares(node);
      if (place.node >= 0) continue;
      place.node = static_cast<int>(node);
      place.slot = slot;
    }
  }
  for (size_t p = 0; p < layout.parameters.size(); ++p) {
    GradientLayout::Place& place = layout.parameters[p];
    if (place.node < 0) continue;
    const Layer& layer = *layers[static_cast<size_t>(place.node)];
    place.ownOrder = !place.gathered && layer.hasOwnOrder(place.slot);
    place.floats = place.gathered ? elementCount(graph.parameters[p].shape) : layer.gradientFloats(place.slot);
  }
}

void GradientLayout::unpack(size_t parameter, const std::vector<std::unique_ptr<Layer>>& layers, const float* gradient,
                            float* values) const {
  const Place& place = parameters[parameter];
  if (place.ownOrder)
    layers[static_cast<size_t>(place.node)]->unpackGradient(place.slot, gradient, values);
  else
    std::copy_n(gradient, place.floats, values);
}

static void append(const std::vector<size_t>& parameters, bool deferred, GradientLayout& layout) {
  for (size_t p : parameters) {
    GradientLayout::Place& place = layout.parameters[p];
    if (!place.trained || place.deferred != deferred) continue;
    place.offset = layout.columns;
    layout.columns += alignedFloats(place.floats);
  }
}

// Groups lie one after the other.
static std::vector<int64_t> groupEnds(const GradientLayout& layout, const ClippingSpec& clipping) {
  std::vector<int64_t> ends(static_cast<size_t>(clipping.groups()));
  for (size_t p = 0; p < layout.parameters.size(); ++p) {
    const GradientLayout::Place& place = layout.parameters[p];
    if (!place.trained || place.deferred) continue;
    int64_t& end = ends[static_cast<size_t>(clipping.groupOfParameter[p])];
    end = std::max(end, place.offset + alignedFloats(place.floats));
  }
  for (size_t group = 1; group < ends.size(); ++group) ends[group] = std::max(ends[group], ends[group - 1]);
  return ends;
}

GradientLayout layOutGradient(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
                              const std::vector<Method>& methods, const ClippingSpec& clipping) {
  GradientLayout layout;
  layout.parameters.resize(graph.parameters.size());
  findPlaces(graph, layers, layout);
  std::vector<size_t> byGroup;
  for (int group = 0; group < clipping.groups(); ++group)
    for (size_t p = 0; p < graph.parameters.size(); ++p) {
      if (clipping.groupOfParameter[p] != group) continue;
      byGroup.push_back(p);
      GradientLayout::Place& place = layout.parameters[p];
      place.trained = graph.parameters[p].trainable && place.node >= 0;
      if (!place.trained) continue;
      const size_t node = static_cast<size_t>(place.node);
      place.deferred =
          !place.gathered && methods[node].sum != SumBy::writtenOut && layers[node]->operandFloats(place.slot) > 0;
    }
  append(byGroup, false, layout);
  layout.laneColumns = layout.columns;
  layout.groupEnds = groupEnds(layout, clipping);
  append(byGroup, true, layout);
  return layout;
}

}  // namespace hushgrad
