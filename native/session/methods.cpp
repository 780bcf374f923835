#include "session/methods.h"

#include <algorithm>
#include <cmath>

namespace hushgrad {

static double parameterFloats(const Graph& graph, const Layer& layer, size_t node) {
  double floats = 0;
  for (size_t slot = 0; slot < graph.nodes[node].parameters.size(); ++slot)
    if (graph.nodes[node].parameters[slot] >= 0) floats += static_cast<double>(layer.gradientFloats(slot));
  return floats;
}

// Ghost norm and one product for the whole chunk, against writing the gradient out, reading it for its norm and
// reading it again for the sum.
static bool ghostIsCheaper(const Graph& graph, const Layer& layer, size_t node) {
  double ghost = operations(layer.ghostNormCost()) + operations(layer.weightedSumCost());
  double floats = parameterFloats(graph, layer, node);
  double written = operations(layer.writeCost()) + operations({4 * floats, 4 * 2 * floats});
  return ghost < written;
}

static Method chooseMethod(const Graph& graph, const Layer& layer, size_t node, const StrategyRow& strategy,
                           bool masked) {
  // The norm of a shared parameter's gradient is that of the sum over its uses, whose terms may cancel.
  if (graph.shares(node) && strategy.norm != NormBy::nothing) return {NormBy::writtenOut, SumBy::writtenOut};
  const bool ghost = masked ? layer.hasMaskedGhostNorm() : layer.hasGhostNorm();
  switch (strategy.norm) {
    case NormBy::nothing:
    case NormBy::writtenOut:
      return {strategy.norm, strategy.sum};
    case NormBy::ghost:
      return {ghost ? NormBy::ghost : NormBy::writtenOut, strategy.sum};
    case NormBy::cheaper:
      break;
  }
  if (ghost && ghostIsCheaper(graph, layer, node)) return {NormBy::ghost, SumBy::keptOutputGradient};
  return {NormBy::writtenOut, SumBy::writtenOut};
}

const char* Method::name() const {
  if (sum == SumBy::immediately) return "batch gradient";
  if (sum == SumBy::writtenOut) return "written out";
  if (sum == SumBy::keptOutputGradient) return "ghost norm, kept output gradient";
  return norm == NormBy::ghost ? "ghost norm, second backward" : "written-out norm, second backward";
}

std::vector<Method> chooseMethods(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
                                  const StrategyRow& strategy, bool masked) {
  std::vector<Method> methods(graph.nodes.size());
  for (size_t node = 0; node < graph.nodes.size(); ++node)
    if (graph.trains(node)) methods[node] = chooseMethod(graph, *layers[node], node, strategy, masked);
  return methods;
}

int64_t chooseChunkSize(const ChunkTraffic& traffic, int64_t cacheBytes) {
  // As many as fit the core's cache; more where the traffic of the weights would outweigh spilling activations, but no
  // more of those than a core should hold (docs/decisions/chunk-sizes-and-huge-pages.md).
  constexpr double kMost = 256, kMostSpilledBytes = 128 << 20;
  double fitting = static_cast<double>(cacheBytes) / traffic.perExample;
  double worthSpilling = 2 * traffic.perChunk / traffic.perExample;
  double spilling = std::min(worthSpilling, kMostSpilledBytes / traffic.perExample);
  double size = std::clamp(std::max(fitting, spilling), 1.0, kMost);
  return int64_t{1} << static_cast<int>(std::log2(size));  // primitives are made for powers of two
}

}  // namespace hushgrad
