// The discrete Gaussian against its exact probabilities, and as a pure function of key, stream and block.
#include "privatize/discrete_gaussian.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>
#include <vector>

namespace hushgrad {
namespace {

constexpr int64_t kBlock = DiscreteGaussian::kBlock;
#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kMany = 50 * kBlock;
#else
constexpr int64_t kMany = 1000 * kBlock;
#endif

struct Exact {
  uint64_t deviation;
  std::vector<int64_t> begins;        // of all bins but the first
  std::vector<double> probabilities;  // of all bins
};

const std::vector<Exact> kExact = {
#include "test/fixtures/discrete_gaussian.inc"
};

std::vector<int64_t> samples(const NoiseKey& key, uint64_t stream, uint64_t first, int64_t count, uint64_t deviation) {
  DiscreteGaussian noise(1);
  noise.setKey(key);
  std::vector<int64_t> out(static_cast<size_t>(count));
  noise.fill(stream, first, count, deviation, out.data(), 0);
  return out;
}

class DiscreteGaussianOf : public testing::TestWithParam<size_t> {};

TEST_P(DiscreteGaussianOf, PassesChiSquareAgainstExactProbabilities) {
  const Exact& exact = kExact[GetParam()];
  std::vector<double> counts(exact.probabilities.size());
  for (int64_t x : samples({1, 2, 3}, 7, 0, kMany, exact.deviation)) {
    const auto bin = std::upper_bound(exact.begins.begin(), exact.begins.end(), x) - exact.begins.begin();
    ++counts[static_cast<size_t>(bin)];
  }
  double chiSquare = 0;
  for (size_t bin = 0; bin < counts.size(); ++bin) {
    const double expected = exact.probabilities[bin] * static_cast<double>(kMany);
    chiSquare += std::pow(counts[bin] - expected, 2) / expected;
  }
  const double freedom = static_cast<double>(counts.size()) - 1;
  EXPECT_LT(std::abs(chiSquare - freedom), 5 * std::sqrt(2 * freedom) + 5);
}

INSTANTIATE_TEST_SUITE_P(Deviations, DiscreteGaussianOf, testing::Range<size_t>(0, kExact.size()),
                         [](const auto& test) { return std::to_string(kExact[test.param].deviation); });

// On such a grid it cannot be told from the continuous one: the moments, the tails, and the lowest bits are uniform.
TEST(DiscreteGaussian, IsGaussianOnAFineGrid) {
  for (uint64_t deviation : {(uint64_t{1} << 30) + 1, DiscreteGaussian::kMostDeviation}) {
    double power[4] = {};
    int64_t beyondThree = 0, odd = 0;
    for (int64_t x : samples({4}, 1, 0, kMany, deviation)) {
      const double z = static_cast<double>(x) / static_cast<double>(deviation);
      double product = 1;
      for (double& sum : power) sum += (product *= z);
      beyondThree += std::abs(z) > 3;
      odd += x & 1;
    }
    const double n = static_cast<double>(kMany);
    const double means[] = {0, 1, 0, 3}, variances[] = {1, 2, 15, 96};
    for (int k = 0; k < 4; ++k)
      EXPECT_LT(std::abs(power[k] / n - means[k]), 5 * std::sqrt(variances[k] / n)) << "moment " << k + 1;
    const double three = n * std::erfc(3 / std::sqrt(2.0));
    EXPECT_LT(std::abs(static_cast<double>(beyondThree) - three), 5 * std::sqrt(three));
    EXPECT_LT(std::abs(static_cast<double>(odd) - n / 2), 5 * std::sqrt(n) / 2);
  }
}

TEST(DiscreteGaussian, IsAPureFunctionOfKeyStreamAndBlock) {
  const int64_t count = 5 * kBlock + 77;
  const std::vector<int64_t> whole = samples({7}, 11, 4 * kBlock, count, 1000);
  DiscreteGaussian noise(2);
  noise.setKey({7});
  std::vector<int64_t> parts(whole.size());
  for (int64_t first : {3 * kBlock, int64_t{0}}) {
    const int64_t size = std::min(3 * kBlock, count - first);
    noise.fill(11, static_cast<uint64_t>(first + 4 * kBlock), size, 1000, parts.data() + first, 1);
  }
  EXPECT_EQ(whole, parts);
  EXPECT_NE(whole, samples({8}, 11, 4 * kBlock, count, 1000));
  EXPECT_NE(whole, samples({7}, 12, 4 * kBlock, count, 1000));
  EXPECT_NE(whole, samples({7}, 11, 5 * kBlock, count, 1000));
}

TEST(DiscreteGaussian, WorkersRunSideBySide) {
  constexpr int kWorkers = 3;
  const int64_t share = 4 * kBlock;
  const std::vector<int64_t> whole = samples({8}, 1, 0, kWorkers * share, 1 << 20);
  DiscreteGaussian noise(kWorkers);
  noise.setKey({8});
  std::vector<int64_t> parts(whole.size());
  std::vector<std::thread> threads;
  for (int w = 0; w < kWorkers; ++w) {
    threads.emplace_back(
        [&, w] { noise.fill(1, static_cast<uint64_t>(w * share), share, 1 << 20, parts.data() + w * share, w); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(whole, parts);
}

TEST(DiscreteGaussian, RefusesWhatItCannotDraw) {
  DiscreteGaussian noise(1);
  int64_t out[4];
  EXPECT_THROW(noise.fill(1, 0, 4, 10, out, 0), std::logic_error);
  noise.setKey({1});
  EXPECT_THROW(noise.fill(1, 3, 4, 10, out, 0), std::invalid_argument);
  EXPECT_THROW(noise.fill(1, 0, 4, 0, out, 0), std::invalid_argument);
  EXPECT_THROW(noise.fill(1, 0, 4, DiscreteGaussian::kMostDeviation + 1, out, 0), std::invalid_argument);
}

}  // namespace
}  // namespace hushgrad
