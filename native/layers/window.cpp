#include "layers/window.h"

#include <stdexcept>

namespace hushgrad {

namespace {

// A line is a picture of height 1: a list of one number is that of the width.
int64_t sizeOr(const Attributes& attributes, const std::string& name, size_t axis, int64_t fallback) {
  const size_t given = attributes.values.count(name) ? attributes.list(name).size() : 0;
  return axis + given < 2 ? fallback : attributes.integer(name, axis + given - 2);
}

}  // namespace

Shape pictureOf(const NodeSpec& node, const Shape& shape) {
  if (shape.size() == 3) return shape;
  if (shape.size() == 2) return {shape[0], 1, shape[1]};
  throw std::invalid_argument("layer '" + node.path + "' (" + node.kind + ") got a value of rank " +
                              std::to_string(shape.size()) +
                              "; it works on [channels, length] and [channels, height, width]");
}

Window windowOf(const LayerSetup& setup) {
  return windowOf(setup.node, setup.inputShapes.at(0), setup.outputShape);
}

Window windowOf(const NodeSpec& node, const Shape& from, const Shape& to) {
  const Attributes& attributes = node.attributes;
  const Shape in = pictureOf(node, from), out = pictureOf(node, to);
  Window window;
  window.inChannels = in[0], window.inHeight = in[1], window.inWidth = in[2];
  window.outChannels = out[0], window.outHeight = out[1], window.outWidth = out[2];
  window.kernelHeight = sizeOr(attributes, "kernelSize", 0, 1);
  window.kernelWidth = sizeOr(attributes, "kernelSize", 1, 1);
  window.strideHeight = sizeOr(attributes, "stride", 0, 1);
  window.strideWidth = sizeOr(attributes, "stride", 1, 1);
  window.padHeight = sizeOr(attributes, "padding", 0, 0);
  window.padWidth = sizeOr(attributes, "padding", 1, 0);
  window.dilationHeight = sizeOr(attributes, "dilation", 0, 1);
  window.dilationWidth = sizeOr(attributes, "dilation", 1, 1);
  window.groups = static_cast<int64_t>(attributes.numberOr("groups", 1));
  window.countPadding = attributes.numberOr("countIncludePad", 1) != 0;
  return window;
}

}  // namespace hushgrad
