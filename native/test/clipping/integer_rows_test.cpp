// Rounded gradients: within half a grid of what they were, and never longer than the sensitivity.
#include "clipping/integer_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "clipping/clipping.h"

namespace hushgrad {
namespace {

struct Rounding {
  bool added;
  std::vector<int64_t> sum;
};

Rounding roundRow(const std::vector<float>& gradient, const std::vector<int64_t>& ends,
                  const std::vector<double>& scales, int64_t before = 0) {
  std::vector<int64_t> sum(gradient.size(), before);
  std::vector<int32_t> room(gradient.size());
  const bool added =
      addRounded({gradient.data(), static_cast<int>(ends.size()), ends.data(), scales.data(), room.data()}, sum.data());
  return {added, sum};
}

long double squaredNorm(const std::vector<int64_t>& values) {
  long double squares = 0;
  for (int64_t value : values) squares += static_cast<long double>(value) * static_cast<long double>(value);
  return squares;
}

constexpr long double kLimit = static_cast<long double>(kSensitivityUnits) * kSensitivityUnits;

TEST(IntegerRows, RoundsToTheNearestAndAddsToWhatIsThere) {
  const Rounding rounding = roundRow({1.26f, -2.74f, 0.f, 0.1f}, {2, 4}, {10, 100}, 5);
  ASSERT_TRUE(rounding.added);
  EXPECT_EQ(rounding.sum, (std::vector<int64_t>{18, -22, 5, 15}));
}

// To the last unit: 2³⁰ alone is as long as is allowed, one more anywhere is too long.
TEST(IntegerRows, MeasureTheirLengthExactly) {
  constexpr float kLongest = 0x1p30f;
  EXPECT_TRUE(roundRow({kLongest, 0}, {2}, {1}).added);
  EXPECT_FALSE(roundRow({kLongest, 1}, {2}, {1}).added);
  EXPECT_TRUE(roundRow({0x1p29f, 0x1p29f, -0x1p29f, 0x1p29f, 0}, {5}, {1}).added);
  EXPECT_FALSE(roundRow({0x1p29f, 0x1p29f, -0x1p29f, 0x1p29f, 1}, {5}, {1}).added);
  EXPECT_TRUE(roundRow(std::vector<float>(1 << 20, 0x1p20f), {1 << 20}, {1}).added);  // 2²⁰ squares of 2⁴⁰
  std::vector<float> long1(std::vector<float>(1 << 20, 0x1p20f));
  long1[77] = 0x1p20f + 1;
  EXPECT_FALSE(roundRow(long1, {1 << 20}, {1}).added);
}

TEST(IntegerRows, LeaveOutWhatIsTooLongOrNotFinite) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (float bad : {inf, -inf, nan, 3e38f, -3e38f, 0x1p31f, -0x1p31f}) {
    const Rounding rounding = roundRow({1, bad, 2}, {3}, {1}, 9);
    EXPECT_FALSE(rounding.added) << bad;
    EXPECT_EQ(rounding.sum, (std::vector<int64_t>{9, 9, 9})) << bad;
  }
  EXPECT_FALSE(roundRow({1e-30f}, {1}, {std::numeric_limits<double>::infinity()}).added);
}

// Gradients of every kind, clipped as a session clips them: all are added, and none is longer than the sensitivity.
TEST(IntegerRows, StayWithinTheSensitivityUnderEveryClipFunctionAndGrouping) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  const std::vector<std::pair<std::string, Attributes>> functions = {
      {"abadi", {}}, {"autoS", {{{"gamma", {0.01}}}}}, {"autoV", {}}, {"nsgd", {{{"r", {0.1}}}}}};
  for (const auto& [name, attributes] : functions) {
    const auto function = makeClipFunction(name, attributes);
    for (int trial = 0; trial < 60; ++trial) {
      const int64_t columns = 1 + static_cast<int64_t>(random() % 5000);
      const std::vector<int64_t> ends = {columns / 3, columns / 3, columns};
      ClippingSpec clipping;
      clipping.thresholds = {0.3, 2e-3, 1.7};
      clipping.integers = true;
      clipping.largestWeight = trial % 2 ? 1 : 3.7;
      const double scale = std::pow(10.0, trial % 30 - 12);
      std::vector<float> gradient(static_cast<size_t>(columns));
      for (float& value : gradient) value = static_cast<float>(scale) * (trial % 3 ? normal(random) : 1);
      std::vector<double> scales;
      for (int group = 0; group < 3; ++group) {
        const int64_t first = group ? ends[group - 1] : 0;
        double square = 0;
        for (int64_t c = first; c < ends[group]; ++c) square += static_cast<double>(gradient[c]) * gradient[c];
        float factor = 0;
        const auto weight = static_cast<float>(clipping.largestWeight);
        clipFactors(*function, clipping.innerThreshold(group, ends[group] - first), 1, &square, &weight, &factor);
        scales.push_back(factor / clipping.grid());
      }
      const Rounding rounding = roundRow(gradient, ends, scales);
      EXPECT_TRUE(rounding.added) << name << " " << trial;
      EXPECT_LE(squaredNorm(rounding.sum), kLimit);
      for (size_t c = 0; c < gradient.size(); ++c) {
        const double exact = gradient[c] * scales[static_cast<int64_t>(c) < ends[0] ? 0 : 2];
        ASSERT_LE(std::abs(static_cast<double>(rounding.sum[c]) - exact), 0.5);
      }
    }
  }
}

TEST(IntegerRows, ThresholdsLeaveRoomForRounding) {
  ClippingSpec clipping;
  clipping.thresholds = {3, 4};
  EXPECT_EQ(clipping.innerThreshold(0, 1 << 20), 3);
  clipping.integers = true;
  clipping.largestWeight = 2;
  EXPECT_DOUBLE_EQ(clipping.grid(), 10 * 0x1p-30);
  EXPECT_DOUBLE_EQ(clipping.innerThreshold(0, 1 << 20), 3 - 1024 * 10 * 0x1p-30 / 2 / 2);
  clipping.thresholds = {1e-9, 4};
  EXPECT_EQ(clipping.innerThreshold(0, 1 << 20), 0);  // never below
}

}  // namespace
}  // namespace hushgrad
