#include "session/integer_sums.h"

#include <algorithm>

#include "session/own_order.h"

namespace hushgrad {

IntegerSums::IntegerSums(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
                         const GradientLayout& layout, int lanes, int workers)
    : layout(layout),
      lanes(lanes),
      workers(workers),
      memory(static_cast<size_t>(lanes * layout.laneColumns)),
      ownIndices(layout.parameters.size()),
      totals(static_cast<size_t>(workers * kTileFloats)),
      rooms(allocateFloats(workers * kTileFloats)),
      gaussian(workers) {
  for (size_t p = 0; p < ownIndices.size(); ++p) {
    const GradientLayout::Place& place = layout.parameters[p];
    if (!place.trained || !place.ownOrder) continue;
    const Layer& layer = *layers[static_cast<size_t>(place.node)];
    ownIndices[p] = hushgrad::ownIndices(layer, place.slot, elementCount(graph.parameters[p].shape));
  }
}

void IntegerSums::addLanes(const Tile& tile, int64_t* sum) const {
  const std::vector<uint32_t>& own = ownIndices[tile.parameter];
  for (int lane = 0; lane < lanes; ++lane) {
    const int64_t* from = memory.data() + lane * layout.laneColumns + layout.parameters[tile.parameter].offset;
    for (int64_t i = 0; i < tile.count; ++i)
      sum[i] += from[own.empty() ? tile.first + i : static_cast<int64_t>(own[static_cast<size_t>(tile.first + i)])];
  }
}

const float* IntegerSums::tile(const Tile& tile, int worker) {
  int64_t* sum = totals.data() + worker * kTileFloats;
  float* room = rooms.get() + worker * kTileFloats;
  std::fill_n(sum, tile.count, 0);
  if (tile.deviation > 0) gaussian.fill(tile.noiseStream, tile.noiseFirst, tile.count, tile.deviation, sum, worker);
  addLanes(tile, sum);
  for (int64_t i = 0; i < tile.count; ++i) room[i] = static_cast<float>(tile.grid * static_cast<double>(sum[i]));
  return room;
}

int64_t IntegerSums::bytes() const {
  size_t indices = 0;
  for (const std::vector<uint32_t>& own : ownIndices) indices += own.size();
  return static_cast<int64_t>(sizeof(int64_t) * (memory.size() + totals.size()) + sizeof(uint32_t) * indices) +
         workers * kTileFloats * static_cast<int64_t>(sizeof(float));
}

}  // namespace hushgrad
