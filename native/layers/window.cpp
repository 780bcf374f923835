#include "layers/window.h"

#include <array>
#include <stdexcept>

namespace hushgrad {

namespace {

using Sizes = std::array<int64_t, 3>;  // of depth, height and width

// The first dimensions of a picture, or of a line, are not there, and those of others not given: both are `missing`.
Sizes sizesOf(const Attributes& attributes, const std::string& name, int64_t missing) {
  Sizes sizes{missing, missing, missing};
  if (attributes.values.count(name) == 0) return sizes;
  const size_t given = attributes.list(name).size();
  for (size_t i = 0; i < given && i < sizes.size(); ++i)
    sizes[sizes.size() - 1 - i] = attributes.integer(name, given - 1 - i);
  return sizes;
}

}  // namespace

Shape volumeOf(const NodeSpec& node, const Shape& shape) {
  switch (shape.size()) {
    case 2:
      return {shape[0], 1, 1, shape[1]};
    case 3:
      return {shape[0], 1, shape[1], shape[2]};
    case 4:
      return shape;
    default:
      throw std::invalid_argument("layer '" + node.path + "' (" + node.kind + ") got a value of rank " +
                                  std::to_string(shape.size()) +
                                  "; it works on [channels, length], [channels, height, width] and [channels, depth, "
                                  "height, width]");
  }
}

Window windowOf(const LayerSetup& setup) {
  return windowOf(setup.node, setup.inputShapes.at(0), setup.outputShape);
}

Window windowOf(const NodeSpec& node, const Shape& from, const Shape& to) {
  const Attributes& attributes = node.attributes;
  const Shape in = volumeOf(node, from), out = volumeOf(node, to);
  const Sizes kernel = sizesOf(attributes, "kernelSize", 1), stride = sizesOf(attributes, "stride", 1);
  const Sizes pad = sizesOf(attributes, "padding", 0), dilation = sizesOf(attributes, "dilation", 1);
  Window window;
  window.inChannels = in[0], window.inDepth = in[1], window.inHeight = in[2], window.inWidth = in[3];
  window.outChannels = out[0], window.outDepth = out[1], window.outHeight = out[2], window.outWidth = out[3];
  window.kernelDepth = kernel[0], window.kernelHeight = kernel[1], window.kernelWidth = kernel[2];
  window.strideDepth = stride[0], window.strideHeight = stride[1], window.strideWidth = stride[2];
  window.padDepth = pad[0], window.padHeight = pad[1], window.padWidth = pad[2];
  window.dilationDepth = dilation[0], window.dilationHeight = dilation[1], window.dilationWidth = dilation[2];
  window.groups = static_cast<int64_t>(attributes.numberOr("groups", 1));
  window.countPadding = attributes.numberOr("countIncludePad", 1) != 0;
  return window;
}

Window pictureWindow(const Window& window) {
  Window picture = window;
  picture.inDepth = picture.outDepth = picture.kernelDepth = picture.strideDepth = picture.dilationDepth = 1;
  picture.padDepth = 0;
  return picture;
}

Window depthWindow(const Window& window) {
  Window depth;
  depth.inChannels = depth.outChannels = window.outHeight * window.outWidth * window.outChannels;
  depth.inHeight = window.inDepth, depth.outHeight = window.outDepth;
  depth.inWidth = depth.outWidth = 1;
  depth.kernelHeight = window.kernelDepth;
  depth.strideHeight = window.strideDepth;
  depth.padHeight = window.padDepth;
  depth.dilationHeight = window.dilationDepth;
  depth.countPadding = window.countPadding;
  return depth;
}

}  // namespace hushgrad
