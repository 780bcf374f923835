#include "session/deferred_sums.h"

#include <algorithm>

namespace hushgrad {

DeferredSums::DeferredSums(const std::vector<std::unique_ptr<Layer>>& layers, const GradientLayout& layout,
                           int64_t capacity, int workers)
    : layers(layers), layout(layout), workers(workers), places(layout.parameters.size(), nullptr) {
  std::vector<int64_t> offsets;
  for (const GradientLayout::Place& place : layout.parameters) {
    offsets.push_back(operandFloats);
    if (!place.deferred) continue;
    const Layer& layer = *layers[static_cast<size_t>(place.node)];
    operandFloats += capacity * layer.operandFloats(place.slot);
    roomFloats = std::max(roomFloats, layer.tileFloats(place.slot, std::min(kTileFloats, place.floats)));
  }
  if (operandFloats == 0) return;
  memory = allocateFloats(operandFloats);
  rooms = allocateFloats(workers * roomFloats);
  for (size_t p = 0; p < places.size(); ++p)
    if (layout.parameters[p].deferred) places[p] = memory.get() + offsets[p];
}

const float* DeferredSums::tile(size_t parameter, const SlotMask& mask, int64_t first, int64_t count,
                                int worker) const {
  const GradientLayout::Place& place = layout.parameters[parameter];
  const Layer& layer = *layers[static_cast<size_t>(place.node)];
  return layer.multiplyOperands(place.slot, mask, kept, operands(parameter), first, count, room(worker));
}

}  // namespace hushgrad
