// Layers may keep gradients in an order of their own.
#pragma once

#include <cstdint>
#include <vector>

#include "layers/layer.h"

namespace hushgrad {

// By element of PyTorch's order: where it lies in the layer's.
std::vector<uint32_t> ownIndices(const Layer& layer, size_t slot, int64_t elements);

}  // namespace hushgrad
