// How a whole per-example gradient lies in memory: one row of columns, parameters in the order of their norm groups,
// each in its layer's own element order. Rows of written-out gradients and the accumulators share this layout.
#pragma once

#include <memory>
#include <vector>

#include "clipping/clipping.h"
#include "graph/graph.h"

namespace hushgrad {

struct GradientLayout {
  // Where a parameter is used; node is −1 for one that no layer uses.
  struct Place {
    int node = -1;
    size_t slot = 0;
    int64_t offset = 0, floats = 0;
    bool trained = false;
  };
  struct Range {
    int64_t first = 0, columns = 0;
  };
  std::vector<Place> parameters;
  std::vector<Range> groups;
  int64_t columns = 0;
};

// Padding between parameters keeps each on a cache line of its own; it is zero in every row and accumulator.
GradientLayout layOutGradient(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
                              const ClippingSpec& clipping);

}  // namespace hushgrad
