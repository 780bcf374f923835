// Normalisation over the trailing dimensions (Ba et al. 2016); the dimensions before them are positions.
#include "layers/normalization.h"

namespace hushgrad {
namespace {

Backend::Normalization trailingOf(const LayerSetup& setup) {
  Backend::Normalization normalization;
  normalization.channels = setup.node.attributes.integer("normalizedElements");
  normalization.positions = elementCount(setup.inputShapes.at(0)) / normalization.channels;
  normalization.perPosition = true;
  normalization.epsilon = static_cast<float>(setup.node.attributes.number("epsilon"));
  return normalization;
}

class LayerNorm : public NormalizationLayer {
 public:
  explicit LayerNorm(const LayerSetup& setup) : NormalizationLayer(setup, trailingOf(setup)) {}
  Layout layout() const override { return Layout::plain; }
};

HUSHGRAD_LAYER("LayerNorm", LayerNorm);

}  // namespace
}  // namespace hushgrad
