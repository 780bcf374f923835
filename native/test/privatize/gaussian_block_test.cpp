// Known words in, exact normals out: the tail and the centre, which no sampling test would reach.
#include "privatize/gaussian_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <random>
#include <utility>
#include <vector>

namespace hushgrad {
namespace {

struct Pair {
  double x, y;
  double radius() const { return std::hypot(x, y); }
};

// Box–Muller in extended precision for u = (w + ½)/2⁶⁴.
double exactRadius(uint64_t w) {
  const long double half = 0.5L, unit = 0x1p-64L;
  if (w >> 63) return static_cast<double>(std::sqrt(-2 * std::log1p(-(static_cast<long double>(~w) + half) * unit)));
  return static_cast<double>(std::sqrt(-2 * std::log((static_cast<long double>(w) + half) * unit)));
}

Pair exactPair(uint64_t radiusWord, uint32_t angleWord) {
  const double r = exactRadius(radiusWord);
  const double angle = static_cast<int32_t>((angleWord << 2) | 2u) * 0x1p-31 * std::acos(-1.0) / 4;
  double x = std::cos(angle), y = std::sin(angle);
  if (angleWord >> 30 & 1) std::swap(x, y);
  const double sign = angleWord >> 31 ? -1 : 1;
  return {sign * r * x, sign * r * y};
}

std::vector<Pair> pairsOf(const std::vector<uint64_t>& radii, const std::vector<uint32_t>& angles) {
  std::vector<Pair> pairs;
  std::vector<uint32_t> high(kGaussianPairs), angle(kGaussianPairs), tails(kGaussianPairs + kTailPadding);
  std::vector<float> out(2 * kGaussianPairs);
  for (size_t first = 0; first < radii.size(); first += kGaussianPairs) {
    const size_t count = std::min<size_t>(kGaussianPairs, radii.size() - first);
    for (size_t p = 0; p < count; ++p) {
      high[p] = static_cast<uint32_t>(radii[first + p] >> 32);
      angle[p] = angles[first + p];
    }
    std::vector<float> fraction(kGaussianPairs, kMiddle);
    const int found = findTails(high.data(), tails.data());
    for (int t = 0; t < found && tails[t] < count; ++t) {
      fraction[tails[t]] = tailFraction(high[tails[t]], static_cast<uint32_t>(radii[first + tails[t]]));
    }
    gaussianBlock(high.data(), angle.data(), fraction.data(), out.data());
    for (size_t p = 0; p < count; ++p) pairs.push_back({out[p], out[kGaussianPairs + p]});
  }
  return pairs;
}

// The low word is left out only where it could not be told: see MatchesFloat64AtEveryMagnitude.
TEST(GaussianBlock, FindsThePairsWhoseLowWordCounts) {
  std::mt19937 random(2);
  std::vector<uint32_t> high(kGaussianPairs), tails(kGaussianPairs + kTailPadding), want;
  for (int64_t p = 0; p < kGaussianPairs; ++p) high[p] = random() >> (p % 12);
  const uint32_t edges[] = {0, 0xFFFFFF, 0x1000000, 0x7FFFFFFF, 0x80000000, 0xFEFFFFFF, 0xFF000000, 0xFFFFFFFF};
  std::copy(std::begin(edges), std::end(edges), high.begin() + 100);
  for (uint32_t p = 0; p < kGaussianPairs; ++p) {
    if (high[p] < 0x1000000 || high[p] >= 0xFF000000) want.push_back(p);
  }
  const int found = findTails(high.data(), tails.data());
  EXPECT_EQ(std::vector<uint32_t>(tails.begin(), tails.begin() + found), want);
  std::fill(high.begin(), high.end(), 0u);
  EXPECT_EQ(findTails(high.data(), tails.data()), kGaussianPairs);
}

TEST(GaussianBlock, IsFiniteForAllZeroAndAllOneWords) {
  const std::vector<uint64_t> radii{0, 0, ~0ull, ~0ull, 1ull << 63, (1ull << 63) - 1};
  const std::vector<uint32_t> angles{0, ~0u, 0, ~0u, 0, ~0u};
  const std::vector<Pair> pairs = pairsOf(radii, angles);
  for (const Pair& pair : pairs) {
    ASSERT_TRUE(std::isfinite(pair.x) && std::isfinite(pair.y));
    ASSERT_NE(pair.x, 0);
    ASSERT_NE(pair.y, 0);
  }
  EXPECT_NEAR(pairs[0].radius(), std::sqrt(2 * 65 * std::log(2.0)), 1e-5);  // 9.49
  EXPECT_NEAR(pairs[2].radius(), std::sqrt(2) * std::pow(2, -32.5), 1e-15);
  EXPECT_NEAR(pairs[4].radius(), std::sqrt(2 * std::log(2.0)), 1e-6);
}

TEST(GaussianBlock, MatchesFloat64AtEveryMagnitude) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> radii;
  std::vector<uint32_t> angles;
  for (int i = 0; i < 200000; ++i) {
    const uint64_t word = random() >> (i % 64);  // u from 1 down to 2⁻⁶⁴
    radii.push_back(i % 2 ? word : ~word);       // and 1 − u likewise
    angles.push_back(static_cast<uint32_t>(random()));
  }
  const std::vector<Pair> pairs = pairsOf(radii, angles);
  for (size_t i = 0; i < pairs.size(); ++i) {
    const Pair exact = exactPair(radii[i], angles[i]);
    ASSERT_NEAR(pairs[i].x, exact.x, 4e-7 * exact.radius()) << std::hex << radii[i] << " " << angles[i];
    ASSERT_NEAR(pairs[i].y, exact.y, 4e-7 * exact.radius()) << std::hex << radii[i] << " " << angles[i];
  }
}

// P(radius > t) = exp(−t²/2): the word at that quantile must give t, up to the end of the 64 bits.
TEST(GaussianBlock, HasTheTailsQuantilesBeyondNineSigma) {
  for (double t : {4.0, 5.0, 6.0, 7.0, 8.0, 9.0}) {
    const auto word = static_cast<uint64_t>(std::exp(-t * t / 2) * 0x1p64);
    EXPECT_NEAR(pairsOf({word}, {0})[0].radius(), t, t < 9 ? 2e-6 : 2e-2) << t;
  }
}

// All quadrants and, within them, all angles: neither coordinate is favoured.
TEST(GaussianBlock, PointsAllWaysAlike) {
  std::vector<uint64_t> radii;
  std::vector<uint32_t> angles;
  constexpr int kDirections = 1 << 16;
  for (int i = 0; i < kDirections; ++i) {
    radii.push_back(1ull << 62);
    angles.push_back(static_cast<uint32_t>(i) << 16 | 0x8000u);
  }
  double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  std::vector<int> octants(8);
  for (const Pair& pair : pairsOf(radii, angles)) {
    x += pair.x;
    y += pair.y;
    xx += pair.x * pair.x;
    yy += pair.y * pair.y;
    xy += pair.x * pair.y;
    ++octants[static_cast<size_t>((std::atan2(pair.y, pair.x) + std::acos(-1.0)) / (std::acos(-1.0) / 4)) % 8];
  }
  const double r2 = -2 * std::log(0.25);
  EXPECT_NEAR(x / kDirections, 0, 1e-4);
  EXPECT_NEAR(y / kDirections, 0, 1e-4);
  EXPECT_NEAR(xx / kDirections, r2 / 2, 1e-4);
  EXPECT_NEAR(yy / kDirections, r2 / 2, 1e-4);
  EXPECT_NEAR(xy / kDirections, 0, 1e-4);
  for (int count : octants) EXPECT_NEAR(count, kDirections / 8, 2);
}

}  // namespace
}  // namespace hushgrad
