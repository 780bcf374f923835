// Shapes in the order of memory: a picture [C, H, W] and a volume [C, D, H, W] lie channels-last, every other value as
// it is written.
#pragma once

#include <algorithm>

#include "layers/layer.h"

namespace hushgrad {

inline Layer::Layout layoutOfRank(const Shape& shape) {
  return shape.size() >= 3 ? Layer::Layout::channelsLast : Layer::Layout::plain;
}

// What belongs to each dimension of a shape, sorted as memory has the dimensions.
template <class T>
std::vector<T> inMemoryOrder(std::vector<T> byDimension) {
  if (byDimension.size() >= 3) std::rotate(byDimension.begin(), byDimension.begin() + 1, byDimension.end());
  return byDimension;
}

// The place of a dimension among those of memory.
inline size_t placeInMemory(const Shape& shape, size_t dimension) {
  return shape.size() >= 3 ? (dimension + shape.size() - 1) % shape.size() : dimension;
}

}  // namespace hushgrad
