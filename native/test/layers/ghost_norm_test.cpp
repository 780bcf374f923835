// Where Gram matrices in float32 cannot tell a norm, it must come from the written-out gradient.
#include <gtest/gtest.h>

#include <cmath>

#include "test/layers/layer_run.h"
#include "test/support/backends.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

const LayerCase& caseNamed(const std::string& name) {
  for (const LayerCase& layer : layerCases()) {
    if (layer.name == name) return layer;
  }
  throw std::out_of_range(name);
}

class GhostNormTest : public testing::TestWithParam<NamedBackend> {
 protected:
  // Example 0 has the given rows, [positions, columns] of `a` and `e`; example 1 stays random.
  static LayerRun linearRun(const Doubles& a, const Doubles& e) {
    LayerRun run(*GetParam().backend, caseNamed("LinearPositions"), 2);
    run.setRow(0, a, e);
    run.forward(2);
    return run;
  }
  // Largest relative deviation of the weight's ghost norms from the written-out gradients' norms.
  static double deviation(LayerRun& run) {
    auto norms = run.ghostNorms(run.all())[0];
    auto written = run.writtenGradients(run.all())[0];
    double worst = 0;
    for (size_t b = 0; b < norms.size(); ++b) {
      worst = std::max(worst, std::abs(norms[b] / squaredNorm(written[b]) - 1));
    }
    return worst;
  }
};

// Pairs of positions with opposite output gradients and nearly equal inputs: terms of 10⁸, a sum of about 1.
TEST_P(GhostNormTest, CancellationIsRecomputed) {
  constexpr int64_t kPositions = 6, kIn = 5, kOut = 3;
  std::vector<float> draw = normalFloats(kPositions * (kIn + kOut), 5);
  Doubles a(kPositions * kIn), e(kPositions * kOut);
  for (int64_t t = 0; t < kPositions; ++t) {
    double sign = t % 2 == 0 ? 1 : -1;
    for (int64_t i = 0; i < kIn; ++i) a[t * kIn + i] = 100.0 * draw[t / 2 * kIn + i] + 0.01 * draw[t * kIn + i];
    for (int64_t o = 0; o < kOut; ++o) e[t * kOut + o] = sign * 100 * draw[40 + o];
  }
  LayerRun run = linearRun(a, e);
  EXPECT_LE(deviation(run), 1e-5);
}

TEST_P(GhostNormTest, ExactCancellationGivesZero) {
  Doubles a(30, 3.0), e(18);
  for (size_t i = 0; i < e.size(); ++i) e[i] = (i / 3) % 2 == 0 ? 1 : -1;
  LayerRun run = linearRun(a, e);
  EXPECT_EQ(run.ghostNorms(run.all())[0][0], 0);
}

TEST_P(GhostNormTest, LargeValuesDoNotOverflow) {
  Doubles a(30, 1e25), e(18, 1e-20);
  LayerRun run = linearRun(a, e);
  EXPECT_LE(deviation(run), 1e-5);
}

TEST_P(GhostNormTest, SmallValuesDoNotVanish) {
  Doubles a(30, 1.0), e(18, 1e-24);
  LayerRun run = linearRun(a, e);
  EXPECT_LE(deviation(run), 1e-5);
}

// One position holds nearly all of the gradient, but its output gradient squared is no float32.
TEST_P(GhostNormTest, UnderflowAtOnePositionDoesNotHideIt) {
  Doubles a(30, 1e-6), e(18, 1e-6);
  for (int64_t i = 0; i < 5; ++i) a[i] = 1e18;
  for (int64_t o = 0; o < 3; ++o) e[o] = 1e-24;
  LayerRun run = linearRun(a, e);
  EXPECT_LE(deviation(run), 1e-5);
}

TEST_P(GhostNormTest, ZeroGradientIsZero) {
  LayerRun run = linearRun(Doubles(30, 2.0), Doubles(18, 0.0));
  auto norms = run.ghostNorms(run.all());
  EXPECT_EQ(norms[0][0], 0);
  EXPECT_EQ(norms[1][0], 0);
}

TEST_P(GhostNormTest, BadExampleSpoilsItsOwnNormAlone) {
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    Doubles a(30, 1.0);
    a[7] = bad;
    LayerRun run = linearRun(a, Doubles(18, 1.0));
    auto norms = run.ghostNorms(run.all())[0];
    EXPECT_FALSE(std::isfinite(norms[0]));
    double want = squaredNorm(run.writtenGradients(run.all())[0][1]);
    EXPECT_NEAR(norms[1] / want, 1, 1e-5);
  }
}

// A convolution whose taps all see the same picture: +e and −e at two positions cancel but for the noise.
TEST_P(GhostNormTest, ConvolutionRecomputesCancellation) {
  const LayerCase& layer = caseNamed("ConvPointwise");
  LayerRun run(*GetParam().backend, layer, 2);
  int64_t pixels = 20;
  std::vector<float> draw = normalFloats(elementCount(layer.input), 9);
  Doubles x(static_cast<size_t>(elementCount(layer.input))), dy(static_cast<size_t>(elementCount(layer.output)));
  for (size_t i = 0; i < x.size(); ++i) x[i] = 100 * draw[i / pixels] + 0.01 * draw[i];
  for (size_t i = 0; i < dy.size(); ++i) dy[i] = (i % 2 == 0 ? 100 : -100) * (1.0 + static_cast<double>(i / pixels));
  run.setRow(0, x, dy);
  run.forward(2);
  EXPECT_LE(deviation(run), 1e-5);
}

// One product would add the 10⁸ of one example to the 1 of the other.
TEST_P(GhostNormTest, CancellingExamplesStayOutOfTheProduct) {
  for (const char* name : {"LinearPositions", "ConvPlain", "ConvPointwise", "ConvPointwiseStrided"}) {
    LayerRun run(*GetParam().backend, caseNamed(name), 3);
    const LayerCase& layer = caseNamed(name);
    int64_t channels = layer.kind == "Linear" ? layer.output.back() : layer.output.front();
    int64_t positions = elementCount(layer.output) / channels;
    Doubles dy(static_cast<size_t>(elementCount(layer.output)));
    for (size_t i = 0; i < dy.size(); ++i) {
      size_t position = layer.kind == "Linear" ? i / channels : i % positions;
      // Of sum zero whether the number of positions is even or odd.
      dy[i] = 0x1p20 * (position + 1 < static_cast<size_t>(positions) ? 1.0 : 1.0 - static_cast<double>(positions));
    }
    run.setRow(1, Doubles(static_cast<size_t>(elementCount(layer.input)), 0x1p20), dy);
    const std::vector<float> factors = {0.5f, 0x1p-40f, 2.0f};
    char cancels[3] = {0, 0, 0};
    run.tape().cancels = cancels;
    run.forward(3);
    auto norms = run.ghostNorms(run.all())[0];
    auto written = run.writtenGradients(run.all());
    // Without padding all taps see one constant, so that the gradient is nothing but what cancelled.
    EXPECT_NEAR(norms[1], 0, 1e-6 * 0x1p80) << name;
    EXPECT_EQ(std::vector<char>(cancels, cancels + 3), (std::vector<char>{0, 1, 0})) << name;
    std::vector<std::vector<float>> all(2, factors);
    auto sums = run.weightedSums(run.all(), all);
    for (size_t slot = 0; slot < run.slots(); ++slot) {
      if (!run.has(slot)) continue;
      Doubles want(written[slot][0].size());
      for (size_t b = 0; b < 3; ++b)
        for (size_t i = 0; i < want.size(); ++i) want[i] += factors[b] * written[slot][b][i];
      EXPECT_LE(relativeError(sums[slot], want), 1e-5) << name << " slot " << slot;
    }
  }
}

TEST_P(GhostNormTest, NormsAreAddedToWhatIsThere) {
  for (const char* name : {"LinearVector", "LinearPositions", "ConvPlain"}) {
    LayerRun run(*GetParam().backend, caseNamed(name), 1);
    run.forward(1);
    auto alone = run.ghostNorms(run.all());
    double weight = 3, bias = 5;
    double* norms[2] = {&weight, &bias};
    run.layer().addGhostNorms(run.tape(), norms);
    EXPECT_DOUBLE_EQ(weight, 3 + alone[0][0]);
    EXPECT_DOUBLE_EQ(bias, 5 + alone[1][0]);
  }
}

std::string nameOf(const testing::TestParamInfo<NamedBackend>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(GhostNorm, GhostNormTest, testing::ValuesIn(testBackends()), nameOf);

}  // namespace
}  // namespace hushgrad
