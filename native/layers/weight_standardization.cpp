// Weight standardisation (Qiao et al. 2019), as De et al. 2022 use it where batch normalisation is not to be had: the
// layer computes with ŵ = (w − mean) / √(variance + ε), mean and (biased) variance over all weights of an output
// channel, which is LayerNorm of the weight's rows [out, in · kernel]. The parameter, and so what is clipped, noised
// and updated, is the raw weight w: g = ∂ŵ/∂w · ĝ for each example, which has neither a part along the constant nor,
// but for ε, one along w.
#include "layers/adapted_layer.h"
#include "layers/scratch.h"

namespace hushgrad {
namespace {

constexpr float kEpsilon = 1e-6f;  // timm's StdConv2d

// [out, …], as the inner layer's shapes say.
Backend::Normalization rowsOfWeight(const LayerSetup& setup) {
  const Attributes& attributes = setup.node.attributes;
  Backend::Normalization rows;
  rows.positions = setup.outputShape.at(0);
  rows.channels = setup.inputShapes.at(0).at(0) / attributes.integer("groups");
  for (double extent : attributes.list("kernelSize")) rows.channels *= static_cast<int64_t>(extent);
  rows.perPosition = true;
  rows.epsilon = kEpsilon;
  return rows;
}

// The inner layer's packed form, then the standardised weight and its rows' statistics.
class StandardizedWeight : public AdaptedLayer {
 public:
  StandardizedWeight(const LayerSetup& setup, std::unique_ptr<Layer> layer)
      : AdaptedLayer(setup, std::move(layer)), normalization(rowsOfWeight(setup)) {}

  int64_t packedFloats() const override {
    return Scratch::sizeOf({inner->packedFloats(), weights(), 2 * normalization.statistics()});
  }

  void pack(const std::vector<const float*>& parameters, float* packed) const override {
    Scratch parts(packed);
    float* forInner = parts.take(inner->packedFloats());
    float* standardized = parts.take(weights());
    backend.normalize(normalization, 1, parameters[kWeight], nullptr, nullptr, standardized, parts.rest());
    std::vector<const float*> seen = parameters;
    seen[kWeight] = standardized;
    inner->pack(seen, forInner);
  }

  void forward(Tape& tape) override { inner->forward(tape); }
  void inputGradient(Tape& tape) override { inner->inputGradient(tape); }
  Cost forwardCost() const override { return inner->forwardCost(); }

  int64_t gradientFloats(size_t slot) const override {
    return slot == kWeight ? weights() : inner->gradientFloats(slot);
  }
  bool hasOwnOrder(size_t slot) const override { return slot != kWeight && inner->hasOwnOrder(slot); }
  void unpackGradient(size_t slot, const float* gradient, float* parameter) const override {
    if (slot == kWeight) return Layer::unpackGradient(slot, gradient, parameter);
    inner->unpackGradient(slot, gradient, parameter);
  }

  Cost writeCost() const override {
    Cost cost = inner->writeCost();
    const double floats = static_cast<double>(weights());
    return {cost.flops + 8 * floats, cost.bytes + sizeof(float) * 7 * floats};
  }

 private:
  int64_t weights() const { return normalization.positions * normalization.channels; }

  int64_t exampleFloats() const override {
    return Scratch::sizeOf({inner->gradientFloats(kWeight), weights(), inner->scratchFloats()});
  }

  void writeExample(const Tape& tape, int64_t b, float* const* gradients, float* scratch) override {
    Scratch parts(scratch);
    float* seen[] = {gradients[kWeight] ? parts.take(inner->gradientFloats(kWeight)) : nullptr, gradients[kBias]};
    float* plain = parts.take(weights());
    inner->writeGradients(rowsOf(tape, b, 1, parts.rest()), seen, 0, nullptr);
    if (gradients[kWeight]) toRaw(tape, seen[kWeight], plain, gradients[kWeight]);
  }

  void addAll(const Tape& tape, float* const* sums, float* scratch) override {
    Scratch parts(scratch);
    float* seen[] = {sums[kWeight] ? parts.take(inner->gradientFloats(kWeight)) : nullptr, sums[kBias]};
    float* plain = parts.take(weights());
    if (seen[kWeight]) backend.fill(inner->gradientFloats(kWeight), 0, seen[kWeight]);
    inner->addWeightedSum(rowsOf(tape, 0, tape.examples, parts.rest()), nullptr, seen);
    if (seen[kWeight] == nullptr) return;
    toRaw(tape, seen[kWeight], plain, seen[kWeight]);
    backend.add(weights(), seen[kWeight], sums[kWeight]);
  }

  // From the inner layer's order to PyTorch's, then back through the standardisation. raw may be `seen`.
  void toRaw(const Tape& tape, const float* seen, float* plain, float* raw) {
    Scratch packed(const_cast<float*>(tape.packed));
    packed.take(inner->packedFloats());
    packed.take(weights());
    inner->unpackGradient(kWeight, seen, plain);
    backend.normalizeGradient(normalization, 1, tape.parameters[kWeight], packed.rest(), nullptr, plain, raw);
  }

  const Backend::Normalization normalization;
};

}  // namespace

std::unique_ptr<Layer> standardizeWeight(const LayerSetup& setup, std::unique_ptr<Layer> inner) {
  return std::make_unique<StandardizedWeight>(setup, std::move(inner));
}

}  // namespace hushgrad
