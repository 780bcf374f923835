// Which way each layer takes under a strategy, and how many examples are executed together. Decided from counted
// operations and bytes, never from timings, so that two runs on one machine decide alike.
#pragma once

#include <vector>

#include "clipping/strategy.h"
#include "graph/graph.h"

namespace hushgrad {

struct Method {
  NormBy norm = NormBy::nothing;
  SumBy sum = SumBy::immediately;
  const char* name() const;
};

// By node; nodes without trainable parameters get the default. `masked`: norms are those of the coordinates that take
// part, which a ghost norm can tell of some layers only.
std::vector<Method> chooseMethods(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
                                  const StrategyRow& strategy, bool masked);

// What a chunk costs in memory traffic: `perChunk` bytes whatever its size (weights, accumulators), and
// `perExample` bytes of activations and gradients for each example.
struct ChunkTraffic {
  double perChunk = 0;
  double perExample = 0;
};
int64_t chooseChunkSize(const ChunkTraffic& traffic, int64_t cacheBytes);

}  // namespace hushgrad
