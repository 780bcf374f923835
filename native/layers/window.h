// Geometry of a convolution or pooling layer, from its attributes and shapes.
#pragma once

#include "layers/layer.h"

namespace hushgrad {

// [C, D, H, W] of a value that is that, or [C, H, W]: a volume of depth 1, or [C, L]: one of height 1 too. Throws
// std::invalid_argument, naming the layer, for any other.
Shape volumeOf(const NodeSpec& node, const Shape& shape);

// Reads kernelSize and stride, and padding, dilation, groups and countIncludePad where the layer has them (PyTorch's
// defaults otherwise); sizes are lists of one number for each spatial dimension.
Window windowOf(const LayerSetup& setup);
// The window that slides over `from` and fills `to`, whichever of them the layer calls its input.
Window windowOf(const NodeSpec& node, const Shape& from, const Shape& to);

// Pooling over a volume [D, H, W, C], taken apart: over each of its pictures, as if they were examples, and then along
// the depth, where whole pictures are the channels.
Window pictureWindow(const Window& window);
Window depthWindow(const Window& window);

}  // namespace hushgrad
