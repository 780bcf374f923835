// Random subsets: exact size, uniformity, independence of refreshes. Keys are fixed, so that nothing here fails by
// chance.
#include "clipping/random_subset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace hushgrad {
namespace {

std::vector<uint8_t> drawn(const MaskDraw& draw, int64_t count, uint64_t first = 0) {
  std::vector<uint8_t> bits(static_cast<size_t>(bitBytes(count)), 0xaa);
  RandomSubset(draw).draw(first, count, bits.data());
  return bits;
}

int64_t keptOf(const std::vector<uint8_t>& bits) {
  int64_t kept = 0;
  for (uint8_t byte : bits) kept += __builtin_popcount(byte);
  return kept;
}

TEST(RandomSubset, DropsExactlyTheRoundedDownShare) {
  for (int64_t count : {1, 2, 7, 8, 9, 1000, 4096, 70001}) {
    for (double rate : {0.0, 0.1, 0.5, 0.9, 0.999, 1.0}) {
      const int64_t dropped = static_cast<int64_t>(std::floor(rate * static_cast<double>(count)));
      std::vector<uint8_t> bits(static_cast<size_t>(bitBytes(count)), 0xaa);
      EXPECT_EQ(RandomSubset({{1}, 3, rate}).draw(0, count, bits.data()), count - dropped);
      // Bits beyond the last coordinate count too: they are 0.
      EXPECT_EQ(keptOf(bits), count - dropped) << count << " at " << rate;
    }
  }
}

TEST(RandomSubset, FollowsFromKeyRefreshAndPlaceAlone) {
  const MaskDraw draw{{7, 8}, 5, 0.4};
  EXPECT_EQ(drawn(draw, 5000), drawn(draw, 5000));
  EXPECT_NE(drawn(draw, 5000), drawn({{7, 9}, 5, 0.4}, 5000));
  EXPECT_NE(drawn(draw, 5000), drawn({{7, 8}, 6, 0.4}, 5000));
  EXPECT_NE(drawn(draw, 5000), drawn(draw, 5000, 2));
}

// Of one refresh at one place more are dropped as the rate grows: the smallest words first.
TEST(RandomSubset, LargerRatesDropSupersets) {
  const auto few = drawn({{3}, 1, 0.2}, 3000), many = drawn({{3}, 1, 0.7}, 3000);
  for (size_t i = 0; i < few.size(); ++i) EXPECT_EQ(many[i] & ~few[i], 0);
}

// Over refreshes every coordinate is dropped equally often: Σ (observed − expected)² / variance is near the number of
// coordinates, five standard deviations of χ² wide (√(2·cells)).
TEST(RandomSubset, IsUniform) {
  constexpr int64_t kCount = 500, kRefreshes = 2000;
  constexpr double kRate = 0.3;
  std::vector<int> drops(kCount);
  for (uint64_t refresh = 0; refresh < kRefreshes; ++refresh) {
    const auto bits = drawn({{11, 12}, refresh, kRate}, kCount);
    for (int64_t i = 0; i < kCount; ++i) drops[static_cast<size_t>(i)] += !bitAt(bits.data(), i);
  }
  double chi = 0;
  for (int observed : drops) chi += std::pow(observed - kRate * kRefreshes, 2) / (kRefreshes * kRate * (1 - kRate));
  // The drops of one refresh add up to a fixed number: one degree of freedom less.
  EXPECT_NEAR(chi, kCount - 1, 5 * std::sqrt(2.0 * (kCount - 1)));
}

// Neighbours in a set and the same coordinate in two successive refreshes are dropped together as often as chance has
// it.
TEST(RandomSubset, RefreshesAndNeighboursAreIndependent) {
  constexpr int64_t kCount = 200000;
  constexpr double kRate = 0.5;
  auto before = drawn({{21}, 0, kRate}, kCount);
  for (uint64_t refresh = 1; refresh <= 10; ++refresh) {
    const auto now = drawn({{21}, refresh, kRate}, kCount);
    int64_t both = 0, neighbours = 0;
    for (int64_t i = 0; i + 1 < kCount; ++i) {
      both += !bitAt(before.data(), i) && !bitAt(now.data(), i);
      neighbours += !bitAt(now.data(), i) && !bitAt(now.data(), i + 1);
    }
    const double expected = kRate * kRate * kCount, deviation = std::sqrt(expected * (1 - kRate * kRate));
    EXPECT_NEAR(static_cast<double>(both), expected, 5 * deviation);
    EXPECT_NEAR(static_cast<double>(neighbours), expected, 5 * deviation);
    before = now;
  }
}

TEST(RandomSubset, RefusesRatesOutsideZeroToOne) {
  for (double rate : {-0.1, 1.1, static_cast<double>(NAN)})
    EXPECT_THROW(RandomSubset({{}, 0, rate}), std::invalid_argument);
  std::vector<uint8_t> bits(32);
  EXPECT_THROW(RandomSubset({{}, 0, 0.5}).draw(1, 8, bits.data()), std::logic_error);
}

}  // namespace
}  // namespace hushgrad
