// Shapes in the order of memory: a picture [C, H, W] lies channels-last, every other value as it is written.
#pragma once

#include "layers/layer.h"

namespace hushgrad {

inline Layer::Layout layoutOfRank(const Shape& shape) {
  return shape.size() == 3 ? Layer::Layout::channelsLast : Layer::Layout::plain;
}

// What belongs to each dimension of a shape, sorted as memory has the dimensions.
template <class T>
std::vector<T> inMemoryOrder(const std::vector<T>& byDimension) {
  if (byDimension.size() != 3) return byDimension;
  return {byDimension[1], byDimension[2], byDimension[0]};
}

// The place of a dimension among those of memory.
inline size_t placeInMemory(const Shape& shape, size_t dimension) {
  return shape.size() == 3 ? (dimension + 2) % 3 : dimension;
}

}  // namespace hushgrad
