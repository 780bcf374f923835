// The accumulators of a session whose clipped gradients are rounded to a grid: int64, so that sums are exact and depend
// on neither chunks, lanes nor threads; and the discrete Gaussian that is added to them.
#pragma once

#include <memory>
#include <vector>

#include "graph/graph.h"
#include "privatize/discrete_gaussian.h"
#include "session/float_memory.h"
#include "session/gradient_layout.h"

namespace hushgrad {

class IntegerSums {
 public:
  // Tiles of up to kTileFloats are made by `workers` side by side.
  IntegerSums(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers, const GradientLayout& layout,
              int lanes, int workers);

  static constexpr int64_t kTileFloats = 16 * DiscreteGaussian::kBlock;

  int64_t* lane(int lane) { return memory.data() + lane * layout.laneColumns; }
  DiscreteGaussian& noise() { return gaussian; }

  struct Tile {
    size_t parameter;
    int64_t first, count;      // elements, in PyTorch's order
    uint64_t noiseFirst;       // number of the first one's sample
    uint64_t deviation = 0;    // of the noise, in units of the grid; 0: none
    uint64_t noiseStream = 0;  // never repeats under one key
    double grid = 1;           // what an integer is multiplied by in the end
  };
  // grid·(Σ lanes + noise); valid until the worker's next tile.
  const float* tile(const Tile& tile, int worker);

  int64_t bytes() const;

 private:
  void addLanes(const Tile& tile, int64_t* totals) const;

  const GradientLayout& layout;
  const int lanes, workers;
  std::vector<int64_t> memory;                    // [lanes, laneColumns]
  std::vector<std::vector<uint32_t>> ownIndices;  // by parameter; empty where its order is PyTorch's
  std::vector<int64_t> totals;                    // [workers, kTileFloats]
  FloatMemory rooms;                              // [workers, kTileFloats]
  DiscreteGaussian gaussian;
};

}  // namespace hushgrad
