// Every layer, on every backend, with several views of an example (augmentation multiplicity), against the same layer
// with a view an example, which layer_test.cpp holds to its definition: each view goes its own way, and an example has
// one gradient, the sum over its views, whatever the layer does to make it.
#include <gtest/gtest.h>

#include <random>

#include "test/layers/layer_run.h"
#include "test/layers/layer_subject.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

constexpr int64_t kCapacity = 3;
constexpr int64_t kViews = 3;
constexpr double kTolerance = 1e-5;

class EveryViewTest : public testing::TestWithParam<LayerSubject> {
 protected:
  EveryViewTest() : run(backend(), layer(), kCapacity, 1, kViews), single(backend(), layer(), kCapacity * kViews, 1) {}

  void forward(int64_t examples) {
    run.forward(examples);
    single.forward(examples * kViews);
    if (run.slots() == 0) return;
    rowGradients = single.writtenGradients(single.all());
  }

  // Σ_b factor_b · g_b, g_b the sum over the views of example b. factors empty: all ones.
  Doubles sumOf(size_t slot, int64_t first, int64_t last, const std::vector<float>& factors = {}) const {
    Doubles sum(rowGradients[slot][0].size());
    for (int64_t row = first * kViews; row < last * kViews; ++row)
      for (size_t i = 0; i < sum.size(); ++i)
        sum[i] += (factors.empty() ? 1.0 : factors[static_cast<size_t>(row / kViews)]) * rowGradients[slot][row][i];
    return sum;
  }

  LayerRun run, single;
  std::vector<std::vector<Doubles>> rowGradients;  // [slot][row]

 private:
  static Backend& backend() { return *GetParam().backend.backend; }
  static const LayerCase& layer() { return *GetParam().layer; }
};

TEST_P(EveryViewTest, EachViewGoesItsOwnWay) {
  for (int64_t examples : {int64_t{1}, kCapacity}) {
    forward(examples);
    run.backward();
    single.backward();
    for (int64_t row = 0; row < examples * kViews; ++row) {
      EXPECT_LE(relativeError(run.output(row), single.output(row)), kTolerance);
      EXPECT_LE(relativeError(run.inputGradient(row), single.inputGradient(row)), kTolerance);
    }
  }
}

TEST_P(EveryViewTest, AnExampleHasTheSumOfItsViewsGradients) {
  for (int64_t examples = 1; run.slots() > 0 && examples <= kCapacity; ++examples) {
    forward(examples);
    const auto written = run.writtenGradients(run.all());  // and compares the norms that it takes
    for (size_t slot = 0; slot < run.slots(); ++slot)
      for (int64_t b = 0; run.has(slot) && b < examples; ++b)
        EXPECT_LE(relativeError(written[slot][b], sumOf(slot, b, b + 1)), kTolerance) << "slot " << slot;
  }
}

// ‖Σ_v g_v‖², cross terms included: neither Σ_v ‖g_v‖² nor that of one view.
TEST_P(EveryViewTest, GhostNormsHaveTheCrossTermsOfViews) {
  if (!run.layer().hasGhostNorm()) return;
  forward(kCapacity);
  const auto norms = run.ghostNorms(run.all());
  for (size_t slot = 0; slot < run.slots(); ++slot)
    for (int64_t b = 0; run.has(slot) && b < kCapacity; ++b)
      EXPECT_NEAR(norms[slot][b] / squaredNorm(sumOf(slot, b, b + 1)), 1, kTolerance) << "slot " << slot;
}

TEST_P(EveryViewTest, NormsUnderAMaskAreThoseOfWhatIsKept) {
  if (run.slots() == 0) return;
  std::mt19937 random(7);
  std::vector<std::vector<uint8_t>> bits;
  for (size_t slot = 0; slot < run.slots(); ++slot) {
    bits.emplace_back(static_cast<size_t>(run.layer().gradientFloats(slot) / 8 + 9));
    for (uint8_t& byte : bits.back()) byte = static_cast<uint8_t>(random());
  }
  for (const auto& slot : bits) run.tape().masks.push_back({slot.data()});
  run.forward(kCapacity);
  run.writtenGradients(run.all());  // compares the norms that it takes
}

TEST_P(EveryViewTest, AFactorIsOneOfAnExample) {
  const std::vector<float> factors = {0.5f, 0.0f, 2.0f}, none;
  for (int64_t examples = 1; run.slots() > 0 && examples <= kCapacity; ++examples) {
    forward(examples);
    for (const std::vector<float>& each : {factors, none}) {
      const auto sums = run.weightedSums(run.all(), {each, each});
      for (size_t slot = 0; slot < run.slots(); ++slot) {
        if (!run.has(slot)) continue;
        EXPECT_LE(relativeError(sums[slot], sumOf(slot, 0, examples, each)), kTolerance) << "slot " << slot;
      }
    }
  }
}

TEST_P(EveryViewTest, FrozenSlotsAreSkipped) {
  const std::vector<float> factors = {0.5f, 0.0f, 2.0f};
  for (LayerRun::Wanted wanted : {LayerRun::Wanted{true, false}, {false, true}, {false, false}}) {
    if (run.slots() == 0) return;
    for (size_t slot = 0; slot < run.slots(); ++slot) wanted[slot] = wanted[slot] && run.has(slot);
    forward(kCapacity);
    const auto written = run.writtenGradients(wanted);
    const auto sums = run.weightedSums(wanted, {factors, factors});
    for (size_t slot = 0; slot < run.slots(); ++slot) {
      if (!wanted[slot]) continue;
      EXPECT_LE(relativeError(written[slot][0], sumOf(slot, 0, 1)), kTolerance) << "slot " << slot;
      EXPECT_LE(relativeError(sums[slot], sumOf(slot, 0, kCapacity, factors)), kTolerance) << "slot " << slot;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Views, EveryViewTest, testing::ValuesIn(layerSubjects()), layerSubjectName);

}  // namespace
}  // namespace hushgrad
