// How a whole per-example gradient lies in memory: one row of columns, parameters in the order of their norm groups,
// each in its layer's own element order (of layers that share parameters, in PyTorch's). Rows of written-out gradients
// and the accumulators share this layout.
#pragma once

#include <memory>
#include <vector>

#include "clipping/clipping.h"
#include "graph/graph.h"
#include "session/methods.h"

namespace hushgrad {

struct GradientLayout {
  // Where a parameter is used first; node is −1 for one that no layer uses.
  struct Place {
    int node = -1;
    size_t slot = 0;
    int64_t offset = 0, floats = 0;
    bool trained = false;
    // Of a layer that shares parameters: its gradients are gathered, in PyTorch's order, from all layers that have it.
    bool gathered = false;
    bool ownOrder = false;  // in the element order of its layer, not PyTorch's
    bool deferred = false;  // its sum waits for the step's end (deferred_sums.h)
  };
  std::vector<Place> parameters;
  int64_t columns = 0;
  // Columns of a norm group; those of its deferred parameters, which lie elsewhere, are not counted.
  int64_t groupColumns(size_t group) const { return groupEnds[group] - (group > 0 ? groupEnds[group - 1] : 0); }
  std::vector<int64_t> groupEnds;  // by norm group: the column after its last
  int64_t laneColumns = 0;         // of an accumulator: deferred parameters, which come last, need none

  // A gradient of the parameter, or a sum of some, into PyTorch's order.
  void unpack(size_t parameter, const std::vector<std::unique_ptr<Layer>>& layers, const float* gradient,
              float* values) const;
};

// Padding between parameters keeps each on a cache line of its own; it is zero in every row and accumulator.
GradientLayout layOutGradient(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
                              const std::vector<Method>& methods, const ClippingSpec& clipping);

}  // namespace hushgrad
