// Augmentation multiplicity (De et al. 2022): an example comes as K views, K changed copies of one record, and its loss
// is the mean of theirs. So its gradient is one, of K rows of the layer: averaged first (the loss gradient carries the
// 1/K), then clipped once, its norm with the cross terms of the views. Below the layers nothing knows of views.
#include "layers/adapted_layer.h"

namespace hushgrad {
namespace {

class EveryView : public AdaptedLayer {
 public:
  EveryView(const LayerSetup& setup, std::unique_ptr<Layer> layer)
      : AdaptedLayer(setup, std::move(layer), setup.views), views(setup.views) {}

  int64_t savedFloats() const override { return views * inner->savedFloats(); }

  void forward(Tape& tape) override { inner->forward(allRows(tape, tape.scratch)); }
  void inputGradient(Tape& tape) override { inner->inputGradient(allRows(tape, tape.scratch)); }
  Cost forwardCost() const override { return ofAllViews(inner->forwardCost()); }
  Cost writeCost() const override { return ofAllViews(inner->weightedSumCost()); }

 private:
  Tape& allRows(const Tape& tape, float* scratch) { return rowsOf(tape, 0, tape.examples * views, scratch); }
  Cost ofAllViews(const Cost& cost) const {
    return {static_cast<double>(views) * cost.flops, static_cast<double>(views) * cost.bytes};
  }
  int64_t exampleFloats() const override { return inner->scratchFloats(); }

  void writeExample(const Tape& tape, int64_t b, float* const* gradients, float* scratch) override {
    for (size_t slot : {kWeight, kBias})
      if (gradients[slot]) backend.fill(gradientFloats(slot), 0, gradients[slot]);
    inner->addWeightedSum(rowsOf(tape, b * views, views, scratch), nullptr, gradients);
  }

  void addAll(const Tape& tape, float* const* sums, float* scratch) override {
    inner->addWeightedSum(allRows(tape, scratch), nullptr, sums);
  }

  const int64_t views;
};

}  // namespace

std::unique_ptr<Layer> makeForViews(const LayerSetup& setup) {
  std::unique_ptr<Layer> inner =
      makeLayer({setup.node, setup.inputShapes, setup.outputShape, setup.capacity * setup.views,
                 setup.needsInputGradient, setup.backend, setup.masked});
  if (!inner->viewsArePositions()) return std::make_unique<EveryView>(setup, std::move(inner));
  auto withViews = [&](Shape shape) { return shape.insert(shape.begin(), setup.views), shape; };
  std::vector<Shape> inputs;
  for (const Shape& shape : setup.inputShapes) inputs.push_back(withViews(shape));
  return makeLayer({setup.node, inputs, withViews(setup.outputShape), setup.capacity, setup.needsInputGradient,
                    setup.backend, setup.masked});
}

}  // namespace hushgrad
