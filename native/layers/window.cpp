#include "layers/window.h"

#include <stdexcept>

namespace hushgrad {

namespace {

int64_t pairOr(const Attributes& attributes, const std::string& name, size_t index, int64_t fallback) {
  return attributes.values.count(name) ? attributes.integer(name, index) : fallback;
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
  window.kernelHeight = attributes.integer("kernelSize", 0);
  window.kernelWidth = attributes.integer("kernelSize", 1);
  window.strideHeight = attributes.integer("stride", 0);
  window.strideWidth = attributes.integer("stride", 1);
  window.padHeight = pairOr(attributes, "padding", 0, 0);
  window.padWidth = pairOr(attributes, "padding", 1, 0);
  window.dilationHeight = pairOr(attributes, "dilation", 0, 1);
  window.dilationWidth = pairOr(attributes, "dilation", 1, 1);
  window.groups = pairOr(attributes, "groups", 0, 1);
  window.countPadding = attributes.numberOr("countIncludePad", 1) != 0;
  return window;
}

}  // namespace hushgrad
