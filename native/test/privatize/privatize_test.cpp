#include "privatize/privatize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "test/support/numbers.h"

namespace hushgrad {
namespace {

std::unique_ptr<Optimizer> plainSgd() {
  return makeOptimizer({"sgd", {}});
}

// A range over vectors of this test; noise may be null.
struct Update {
  std::vector<std::vector<float>> sums;
  std::vector<float> parameter;
  const GaussianNoise* noise = nullptr;
  double deviation = 0, normalizer = 1;
  uint64_t stream = 1, first = 0;

  void run(const Optimizer& optimizer, const OptimizerStep& step, int64_t from, int64_t to) {
    std::vector<const float*> lanes;
    for (auto& sum : sums) lanes.push_back(sum.data() + from);
    PrivatizeRange range{static_cast<int>(lanes.size()),
                         lanes.data(),
                         to - from,
                         noise,
                         deviation,
                         stream,
                         first + static_cast<uint64_t>(from),
                         normalizer,
                         parameter.data() + from,
                         nullptr,
                         0};
    privatizeAndUpdate(range, optimizer, step);
  }
};

TEST(Privatize, AddsLanesAndDividesByThePublicSize) {
  const int64_t count = 5001;
  Update update{{normalFloats(count, 1), normalFloats(count, 2), normalFloats(count, 3)}, normalFloats(count, 4)};
  const std::vector<float> before = update.parameter;
  update.normalizer = 64;
  update.run(*plainSgd(), {0.5, 1}, 0, count);
  for (size_t i = 0; i < before.size(); ++i) {
    const double sum = static_cast<double>(update.sums[0][i]) + update.sums[1][i] + update.sums[2][i];
    ASSERT_NEAR(update.parameter[i], before[i] - 0.5 * sum / 64, 1e-6);
  }
}

TEST(Privatize, AddsTheStreamsOwnSamples) {
  const int64_t count = 10007;
  GaussianNoise noise;
  noise.setKey({1});
  std::vector<float> samples(static_cast<size_t>(count));
  noise.fill(7, 2 * GaussianNoise::kBlock, count, samples.data(), 0);
  Update update{{normalFloats(count, 1)}, std::vector<float>(static_cast<size_t>(count))};
  update.noise = &noise;
  update.deviation = 3;
  update.normalizer = 10;
  update.stream = 7;
  update.first = 2 * GaussianNoise::kBlock;
  update.run(*plainSgd(), {1, 1}, 0, count);
  for (size_t i = 0; i < samples.size(); ++i) {
    ASSERT_NEAR(update.parameter[i], -(update.sums[0][i] + 3.0 * samples[i]) / 10, 1e-6);
  }
}

// 0.1f lies above 0.1 and 0.7f below 0.7: neither deviation may come out smaller than it was accounted.
TEST(Privatize, RoundsTheDeviationUp) {
  GaussianNoise noise;
  noise.setKey({1});
  std::vector<float> sample(1);
  noise.fill(1, 0, 1, sample.data(), 0);
  for (double deviation : {0.1, 0.7, 1.0, 1.1 * 0.7, 3.3}) {
    Update update{{{0.0f}}, {0.0f}};
    update.noise = &noise;
    update.deviation = deviation;
    update.run(*plainSgd(), {1, 1}, 0, 1);
    float least = static_cast<float>(deviation);
    if (least < deviation) least = std::nextafter(least, 10.0f);
    EXPECT_GE(static_cast<double>(least), deviation);
    EXPECT_EQ(update.parameter[0], -(sample[0] * least)) << deviation;
  }
}

// An empty Poisson sample is a valid step: noise alone, of deviation lr·σS/(qN) in every coordinate.
TEST(Privatize, AnEmptyBatchMovesByNoiseAlone) {
  const int64_t count = 1000000;
  GaussianNoise noise;
  noise.setKey({42});
  Update update{{std::vector<float>(static_cast<size_t>(count))}, std::vector<float>(static_cast<size_t>(count))};
  update.noise = &noise;
  update.deviation = 1.1 * 0.7;  // σ·S
  update.normalizer = 256;       // qN
  update.run(*plainSgd(), {0.05, 1}, 0, count);
  double sum = 0, squares = 0;
  for (float value : update.parameter) {
    ASSERT_NE(value, 0);
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const double deviation = 0.05 * 1.1 * 0.7 / 256;
  EXPECT_NEAR(std::sqrt(squares / count) / deviation, 1, 0.01);
  EXPECT_LT(std::abs(sum / count) / deviation, 5 / std::sqrt(count));
}

TEST(Privatize, RangesAndWorkersChangeNothing) {
  const int64_t count = 50 * GaussianNoise::kBlock + 17;
  GaussianNoise noise;
  noise.setKey({9});
  Update whole{{normalFloats(count, 1), normalFloats(count, 2)}, normalFloats(count, 3)};
  whole.noise = &noise;
  whole.deviation = 2;
  Update parts = whole;
  whole.run(*plainSgd(), {0.1, 1}, 0, count);
  const int64_t cuts[] = {0, GaussianNoise::kBlock, 6 * GaussianNoise::kBlock, 33 * GaussianNoise::kBlock, count};
  for (int i = 3; i >= 0; --i) parts.run(*plainSgd(), {0.1, 1}, cuts[i], cuts[i + 1]);
  EXPECT_EQ(whole.parameter, parts.parameter);
}

TEST(Privatize, StateFollowsItsElements) {
  const int64_t count = 3 * 4 * GaussianNoise::kBlock + 5;  // several update blocks
  const auto adam = makeOptimizer({"adam", {}});
  const std::vector<float> sum = normalFloats(count, 1);
  std::vector<float> parameter(sum.size()), mean(sum.size()), square(sum.size());
  const float* lanes[] = {sum.data()};
  float* state[] = {mean.data(), square.data()};
  privatizeAndUpdate({1, lanes, count, nullptr, 0, 1, 0, 2, parameter.data(), state, 0}, *adam, {0.1, 1});
  for (size_t i = 0; i < sum.size(); ++i) {
    const double gradient = sum[i] / 2.0;
    ASSERT_NEAR(mean[i], 0.1 * gradient, 1e-6);
    ASSERT_NEAR(square[i], 0.001 * gradient * gradient, 1e-6);
    ASSERT_NEAR(parameter[i], -0.1 * gradient / (std::abs(gradient) + 1e-8), 1e-5);
  }
}

// What the mask drops gets neither sum nor noise, whatever the sum holds; what it keeps gets noise of deviation σS.
TEST(Privatize, DroppedCoordinatesHaveNoGradient) {
  for (double kept : {0.01, 0.3, 0.5, 0.8, 1.0}) {
    const int64_t count = 300007;
    std::mt19937 random(5);
    std::bernoulli_distribution keep(kept);
    std::vector<uint8_t> mask(static_cast<size_t>(count / 8 + 9));
    GaussianNoise noise;
    noise.setKey({42});
    std::vector<float> sum(static_cast<size_t>(count), 2.0f), parameter(sum.size());
    int64_t there = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (keep(random)) {
        mask[static_cast<size_t>(i / 8)] |= static_cast<uint8_t>(1 << i % 8);
        ++there;
      } else {
        sum[static_cast<size_t>(i)] = i % 2 ? NAN : INFINITY;
      }
    }
    const float* lanes[] = {sum.data()};
    privatizeAndUpdate({1, lanes, count, &noise, 0.7, 3, 0, 1, parameter.data(), nullptr, 0, mask.data()}, *plainSgd(),
                       {1, 1});
    double total = 0, squares = 0;
    std::vector<float> seen;
    for (int64_t i = 0; i < count; ++i) {
      const double value = parameter[static_cast<size_t>(i)];
      if (!(mask[static_cast<size_t>(i / 8)] >> (i % 8) & 1)) {
        ASSERT_EQ(value, 0);
        continue;
      }
      total += value + 2;
      squares += (value + 2) * (value + 2);
      seen.push_back(parameter[static_cast<size_t>(i)]);
    }
    const double n = static_cast<double>(there);
    EXPECT_NEAR(total / n, 0, 5 * 0.7 / std::sqrt(n));
    EXPECT_NEAR(squares / n, 0.49, 5 * 0.49 * std::sqrt(2 / n));
    // No sample serves two coordinates: float32 normals repeat by chance, but not in a row.
    for (size_t i = 1; i < seen.size(); ++i) ASSERT_NE(seen[i], seen[i - 1]);
  }
}

// Momentum and Adam see a gradient of 0: their buffers fade, and are not frozen.
TEST(Privatize, OptimizersTreatDroppedCoordinatesAsZero) {
  for (const char* kind : {"sgd", "adam"}) {
    const int64_t count = 100;
    auto optimizer = makeOptimizer({kind, {{{"momentum", {0.9}}}}});
    std::vector<uint8_t> mask(static_cast<size_t>(count / 8 + 9), 0x55);
    std::vector<float> masked = normalFloats(count, 1), zeroed = masked;
    std::vector<std::vector<float>> states(4, std::vector<float>(static_cast<size_t>(count), 0.5f));
    float* first[] = {states[0].data(), states[1].data()};
    float* second[] = {states[2].data(), states[3].data()};
    const std::vector<float> sum = normalFloats(count, 2);
    std::vector<float> selected = sum;
    for (size_t i = 1; i < selected.size(); i += 2) selected[i] = 0;
    const float *whole = sum.data(), *part = selected.data();
    privatizeAndUpdate({1, &whole, count, nullptr, 0, 1, 0, 4, masked.data(), first, 0, mask.data()}, *optimizer,
                       {0.1, 3});
    privatizeAndUpdate({1, &part, count, nullptr, 0, 1, 0, 4, zeroed.data(), second, 0}, *optimizer, {0.1, 3});
    EXPECT_EQ(masked, zeroed) << kind;
    EXPECT_EQ(states[0], states[2]) << kind;
    EXPECT_EQ(states[1], states[3]) << kind;
  }
}

}  // namespace
}  // namespace hushgrad
