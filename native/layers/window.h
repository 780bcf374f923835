// Geometry of a convolution or pooling layer, from its attributes and shapes.
#pragma once

#include "layers/layer.h"

namespace hushgrad {

// [C, H, W] of a value that is that, or [C, L]: a picture of height 1. Throws std::invalid_argument, naming the layer,
// for any other.
Shape pictureOf(const NodeSpec& node, const Shape& shape);

// Reads kernelSize and stride, and padding, dilation, groups and countIncludePad where the layer has them (PyTorch's
// defaults otherwise). Input and output are pictures.
Window windowOf(const LayerSetup& setup);
// The window that slides over `from` and fills `to`, whichever of them the layer calls its input.
Window windowOf(const NodeSpec& node, const Shape& from, const Shape& to);

}  // namespace hushgrad
