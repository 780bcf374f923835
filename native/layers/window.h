// Geometry of a convolution or pooling layer, from its attributes and shapes.
#pragma once

#include "layers/layer.h"

namespace hushgrad {

// Reads kernelSize and stride, and padding, dilation, groups and countIncludePad where the layer has them (PyTorch's
// defaults otherwise). Input and output are [C, H, W]; throws std::invalid_argument, naming the layer, where not.
Window windowOf(const LayerSetup& setup);

}  // namespace hushgrad
