// Weight standardisation (Qiao et al. 2019), as De et al. 2022 use it where batch normalisation is not to be had: the
// layer computes with ŵ = (w − mean) / √(variance + ε), mean and (biased) variance over all weights of an output
// channel, which is LayerNorm of the weight's rows [out, in · kernel]. The parameter, and so what is clipped, noised
// and updated, is the raw weight w: g = ∂ŵ/∂w · ĝ for each example, which has neither a part along the constant nor,
// but for ε, one along w.
#include "layers/adapted_layer.h"
#include "layers/scratch.h"
#include "layers/weight_order.h"

namespace hushgrad {
namespace {

constexpr float kEpsilon = 1e-6f;  // timm's StdConv2d

int64_t weightsOfChannel(const LayerSetup& setup) {
  const Attributes& attributes = setup.node.attributes;
  int64_t weights = setup.inputShapes.at(0).at(0) / attributes.integer("groups");
  for (double extent : attributes.list("kernelSize")) weights *= static_cast<int64_t>(extent);
  return weights;
}

// Of one panel of an order: its rows are channels that each have a mean and a deviation, over positions.
Backend::Normalization overRows(const WeightOrder& order) {
  Backend::Normalization rows;
  rows.epsilon = kEpsilon;
  rows.positions = order.length;
  rows.channels = rows.groups = order.width;
  if (order.width > 1) return rows;
  rows.positions = order.rows;  // one panel of them all
  rows.channels = order.length;
  rows.perPosition = true;
  return rows;
}

int64_t panelsOf(const WeightOrder& order) {
  return order.width > 1 ? order.rows / order.width : 1;
}

// The inner layer's packed form; then the raw weight, in the order in which its gradient is made, and its rows'
// statistics; then room for the standardised weight.
class StandardizedWeight : public AdaptedLayer {
 public:
  StandardizedWeight(const LayerSetup& setup, std::unique_ptr<Layer> layer)
      : AdaptedLayer(setup, std::move(layer)),
        known(WeightOrder::of(*inner, kWeight, setup.outputShape.at(0), weightsOfChannel(setup))),
        order(known.value_or(WeightOrder::plain(setup.outputShape.at(0), weightsOfChannel(setup)))) {}

  int64_t packedFloats() const override {
    return Scratch::sizeOf({inner->packedFloats(), weights(), 2 * order.rows, weights()});
  }

  void pack(const std::vector<const float*>& parameters, float* packed) const override {
    const WeightOrder plain = WeightOrder::plain(order.rows, order.length);
    const Parts parts = partsOf(packed);
    std::vector<const float*> seen = parameters;
    seen[kWeight] = parts.standardized;
    backend.normalize(overRows(plain), 1, parameters[kWeight], nullptr, nullptr, parts.standardized, parts.statistics);
    inner->pack(seen, packed);
    order.arrange(parameters[kWeight], parts.raw);
    backend.normalize(overRows(order), panelsOf(order), parts.raw, nullptr, nullptr, parts.standardized,
                      parts.statistics);
  }

  void forward(Tape& tape) override { inner->forward(tape); }
  void inputGradient(Tape& tape) override { inner->inputGradient(tape); }
  Cost forwardCost() const override { return inner->forwardCost(); }

  int64_t gradientFloats(size_t slot) const override {
    return slot == kWeight ? weights() : inner->gradientFloats(slot);
  }
  bool hasOwnOrder(size_t slot) const override { return inOrder(slot) && inner->hasOwnOrder(slot); }
  void unpackGradient(size_t slot, const float* gradient, float* parameter) const override {
    if (!inOrder(slot)) return Layer::unpackGradient(slot, gradient, parameter);
    inner->unpackGradient(slot, gradient, parameter);
  }

  Cost writeCost() const override {
    Cost cost = inner->writeCost();
    const double floats = static_cast<double>(weights());
    return {cost.flops + 8 * floats, cost.bytes + sizeof(float) * (known ? 5 : 7) * floats};
  }

 private:
  struct Parts {
    float *raw, *statistics, *standardized;
  };
  Parts partsOf(float* packed) const {
    Scratch parts(packed);
    parts.take(inner->packedFloats());
    float* raw = parts.take(weights());
    float* statistics = parts.take(2 * order.rows);
    return {raw, statistics, parts.rest()};
  }

  int64_t weights() const { return order.rows * order.length; }
  // Whether the slot's gradient stays in the inner layer's order.
  bool inOrder(size_t slot) const { return slot != kWeight || known.has_value(); }

  int64_t exampleFloats() const override {
    return Scratch::sizeOf({inner->gradientFloats(kWeight), weights(), inner->scratchFloats()});
  }

  void writeExample(const Tape& tape, int64_t b, float* const* gradients, float* scratch) override {
    Scratch parts(scratch);
    float* weight = gradients[kWeight];
    if (weight != nullptr && !known) weight = parts.take(inner->gradientFloats(kWeight));
    float* seen[] = {weight, gradients[kBias]};
    inner->writeGradients(rowsOf(tape, b, 1, parts.rest()), seen, 0, nullptr);
    if (weight != nullptr) toRaw(tape, weight, gradients[kWeight]);
  }

  void addAll(const Tape& tape, float* const* sums, float* scratch) override {
    Scratch parts(scratch);
    float* seen[] = {sums[kWeight] ? parts.take(inner->gradientFloats(kWeight)) : nullptr, sums[kBias]};
    float* raw = known ? seen[kWeight] : parts.take(weights());
    if (seen[kWeight]) backend.fill(inner->gradientFloats(kWeight), 0, seen[kWeight]);
    inner->addWeightedSum(rowsOf(tape, 0, tape.examples, parts.rest()), nullptr, seen);
    if (seen[kWeight] == nullptr) return;
    toRaw(tape, seen[kWeight], raw);
    backend.add(weights(), raw, sums[kWeight]);
  }

  // Back through the standardisation, after the way into PyTorch's order where the inner layer's is not known. raw is
  // `seen` where it is.
  void toRaw(const Tape& tape, const float* seen, float* raw) const {
    if (!known) inner->unpackGradient(kWeight, seen, raw);
    const Parts parts = partsOf(const_cast<float*>(tape.packed));
    backend.normalizeGradient(overRows(order), panelsOf(order), parts.raw, parts.statistics, nullptr, raw, raw);
  }

  const std::optional<WeightOrder> known;
  const WeightOrder order;  // PyTorch's, where it is not known
};

}  // namespace

std::unique_ptr<Layer> standardizeWeight(const LayerSetup& setup, std::unique_ptr<Layer> inner) {
  return std::make_unique<StandardizedWeight>(setup, std::move(inner));
}

}  // namespace hushgrad
