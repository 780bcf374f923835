// Every layer, on every backend, against its float64 definition: forward, input gradient and the three per-example
// answers, for every number of examples up to the capacity.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "test/layers/layer_run.h"
#include "test/layers/layer_subject.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

constexpr int64_t kCapacity = 4;
constexpr double kTolerance = 1e-5;
using Factors = std::vector<std::vector<float>>;

class LayerTest : public testing::TestWithParam<LayerSubject> {
 protected:
  LayerTest() : run(*GetParam().backend.backend, layer(), kCapacity) {}
  static const LayerCase& layer() { return *GetParam().layer; }

  // Σ_b c_b g_b of written-out gradients, in float64.
  static Doubles sumOf(const std::vector<Doubles>& gradients, const std::vector<float>& factors) {
    Doubles sum(gradients[0].size(), 0.0);
    for (size_t b = 0; b < gradients.size(); ++b) {
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += (factors.empty() ? 1.0 : factors[b]) * gradients[b][i];
    }
    return sum;
  }

  void expectSums(const LayerRun::Wanted& wanted, const Factors& factors) {
    auto written = run.writtenGradients(wanted);
    auto sums = run.weightedSums(wanted, factors);
    for (size_t slot = 0; slot < run.slots(); ++slot) {
      if (!wanted[slot]) continue;
      EXPECT_LE(relativeError(sums[slot], sumOf(written[slot], factors[slot])), kTolerance) << "slot " << slot;
    }
  }

  LayerRun run;
};

TEST_P(LayerTest, ForwardFollowsItsDefinition) {
  for (int64_t examples = 1; examples <= kCapacity; ++examples) {
    run.forward(examples);
    for (int64_t b = 0; b < examples; ++b) {
      EXPECT_LE(relativeError(run.output(b), layer().forward(run.x(b), run.parameters())), kTolerance);
    }
  }
}

TEST_P(LayerTest, InputGradientFollowsDifferences) {
  std::vector<Doubles> want;
  for (int64_t b = 0; b < kCapacity; ++b) {
    want.push_back(inputDifferences(layer(), run.x(b), run.parameters(), run.dy(b)));
  }
  for (int64_t examples = 1; examples <= kCapacity; ++examples) {
    run.forward(examples);
    run.backward();
    for (int64_t b = 0; b < examples; ++b) EXPECT_LE(relativeError(run.inputGradient(b), want[b]), kTolerance);
  }
}

TEST_P(LayerTest, WrittenGradientsFollowDifferences) {
  std::vector<std::vector<Doubles>> want(run.slots());
  for (size_t slot = 0; slot < run.slots(); ++slot) {
    for (int64_t b = 0; run.has(slot) && b < kCapacity; ++b) {
      want[slot].push_back(parameterDifferences(layer(), run.x(b), run.parameters(), run.dy(b), slot));
    }
  }
  for (int64_t examples = 1; examples <= kCapacity; ++examples) {
    run.forward(examples);
    auto written = run.writtenGradients(run.all());
    for (size_t slot = 0; slot < run.slots(); ++slot) {
      for (int64_t b = 0; run.has(slot) && b < examples; ++b) {
        EXPECT_LE(relativeError(written[slot][b], want[slot][b]), kTolerance) << "slot " << slot;
      }
    }
  }
}

TEST_P(LayerTest, GhostNormsAreNormsOfWrittenGradients) {
  if (!run.layer().hasGhostNorm()) return;
  for (int64_t examples = 1; examples <= kCapacity; ++examples) {
    run.forward(examples);
    auto norms = run.ghostNorms(run.all());
    auto written = run.writtenGradients(run.all());
    for (size_t slot = 0; slot < run.slots(); ++slot) {
      for (int64_t b = 0; run.has(slot) && b < examples; ++b) {
        EXPECT_NEAR(norms[slot][b] / squaredNorm(written[slot][b]), 1, kTolerance) << "slot " << slot;
      }
    }
  }
}

TEST_P(LayerTest, NormsUnderAMaskAreThoseOfWhatIsKept) {
  std::mt19937 random(7);
  std::vector<std::vector<uint8_t>> bits;
  for (size_t slot = 0; slot < run.slots(); ++slot) {
    bits.emplace_back(static_cast<size_t>(run.layer().gradientFloats(slot) / 8 + 9));
    for (uint8_t& byte : bits.back()) byte = static_cast<uint8_t>(random());
  }
  for (const auto& slot : bits) run.tape().masks.push_back({slot.data()});
  for (int64_t examples = 1; run.slots() > 0 && examples <= kCapacity; ++examples) {
    run.forward(examples);
    auto written = run.writtenGradients(run.all());  // compares the norms that it takes
    if (!run.layer().hasMaskedGhostNorm()) continue;
    auto norms = run.ghostNorms(run.all());
    for (size_t slot = 0; slot < run.slots(); ++slot) {
      ASSERT_FALSE(run.layer().hasOwnOrder(slot));
      for (int64_t b = 0; run.has(slot) && b < examples; ++b) {
        Doubles& gradient = written[slot][b];
        for (size_t i = 0; i < gradient.size(); ++i)
          if (!run.keeps(slot, static_cast<int64_t>(i))) gradient[i] = 0;
        EXPECT_NEAR(norms[slot][b], squaredNorm(gradient), kTolerance * squaredNorm(gradient)) << "slot " << slot;
      }
    }
  }
}

TEST_P(LayerTest, WeightedSumIsSumOfWrittenGradients) {
  const std::vector<float> first = {0.5f, 0.25f, 0.0f, 2.0f}, second = {1.5f, 0.0f, 0.75f, 0.125f};
  for (int64_t examples = 1; run.slots() > 0 && examples <= kCapacity; ++examples) {
    run.forward(examples);
    expectSums(run.all(), {first, first});
    expectSums(run.all(), {first, second});
    expectSums(run.all(), {{}, {}});
    expectSums(run.all(), {{}, second});
  }
}

TEST_P(LayerTest, FrozenSlotsAreSkipped) {
  if (run.slots() == 0) return;
  const std::vector<float> factors = {0.5f, 0.25f, 1.0f, 2.0f};
  run.forward(kCapacity);
  for (LayerRun::Wanted wanted : {LayerRun::Wanted{true, false}, {false, true}, {false, false}}) {
    for (size_t slot = 0; slot < run.slots(); ++slot) wanted[slot] = wanted[slot] && run.has(slot);
    expectSums(wanted, {factors, factors});
    if (!run.layer().hasGhostNorm()) continue;
    auto some = run.ghostNorms(wanted);
    auto every = run.ghostNorms(run.all());
    for (size_t slot = 0; slot < run.slots(); ++slot) {
      if (!wanted[slot]) continue;
      EXPECT_EQ(some[slot], every[slot]);
    }
  }
}

TEST_P(LayerTest, RunsInPlaceWhereItSaysSo) {
  if (!run.layer().runsInPlace()) return;
  run.forward(kCapacity);
  run.backward();
  Doubles output = run.output(1), gradient = run.inputGradient(1);
  LayerRun shared(*GetParam().backend.backend, layer(), kCapacity);
  shared.tape().output = const_cast<float*>(shared.tape().inputs[0]);
  shared.tape().inputGradients[0] = const_cast<float*>(shared.tape().outputGradient);
  shared.forward(kCapacity);
  shared.layer().inputGradient(shared.tape());
  int64_t elements = elementCount(layer().output);
  EXPECT_EQ(toDoubles(shared.tape().output + elements, elements), output);
  EXPECT_EQ(toDoubles(shared.tape().inputGradients[0] + elements, elements), gradient);
}

// The planner compares these: all finite, and at least what must be read or computed.
TEST_P(LayerTest, CostsAreTold) {
  const Layer& object = run.layer();
  double outputs = static_cast<double>(elementCount(layer().output));
  EXPECT_GE(object.forwardCost().bytes, object.isView() ? 0 : 4 * outputs);
  if (run.slots() == 0 || run.all() == LayerRun::Wanted{false, false}) return;
  for (const Cost& cost : {object.writeCost(), object.weightedSumCost()}) {
    EXPECT_GT(cost.flops, 0);
    EXPECT_GE(cost.bytes, 4 * outputs);
  }
  EXPECT_GE(object.ghostNormCost().bytes, object.hasGhostNorm() ? 4 * outputs : 0);
}

INSTANTIATE_TEST_SUITE_P(Layers, LayerTest, testing::ValuesIn(layerSubjects()), layerSubjectName);

}  // namespace
}  // namespace hushgrad
