// Normalisation of each example over groups of channels (Wu & He 2018), for [C], [C, L], [C, H, W] and
// [C, D, H, W].
#include <stdexcept>

#include "layers/normalization.h"

namespace hushgrad {
namespace {

Backend::Normalization groupsOf(const LayerSetup& setup) {
  const Shape& shape = setup.inputShapes.at(0);
  if (shape.size() > 4) {
    throw std::invalid_argument("layer '" + setup.node.path + "' (GroupNorm) got a value of rank " +
                                std::to_string(shape.size()) + "; it works on [channels] and up to three extents more");
  }
  Backend::Normalization normalization;
  normalization.channels = shape[0];
  normalization.positions = elementCount(shape) / shape[0];
  normalization.groups = setup.node.attributes.integer("groups");
  normalization.epsilon = static_cast<float>(setup.node.attributes.number("epsilon"));
  return normalization;
}

class GroupNorm : public NormalizationLayer {
 public:
  explicit GroupNorm(const LayerSetup& setup)
      : NormalizationLayer(setup, groupsOf(setup)), picture(setup.outputShape.size() > 1) {}
  Layout layout() const override { return picture ? Layout::channelsLast : Layout::plain; }

 private:
  const bool picture;
};

HUSHGRAD_LAYER("GroupNorm", GroupNorm);

}  // namespace
}  // namespace hushgrad
