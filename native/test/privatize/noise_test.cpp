// The noise as a distribution, and as a pure function of key, stream and position.
#include "privatize/noise.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>
#include <vector>

namespace hushgrad {
namespace {

constexpr int64_t kBlock = GaussianNoise::kBlock;
#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kMany = 20000 * kBlock;
#else
constexpr int64_t kMany = 400000 * kBlock;  // 4.1e8
#endif

std::vector<float> samples(const NoiseKey& key, uint64_t stream, uint64_t first, int64_t count) {
  GaussianNoise noise;
  noise.setKey(key);
  std::vector<float> out(static_cast<size_t>(count));
  noise.fill(stream, first, count, out.data(), 0);
  return out;
}

struct Totals {
  double power[4] = {};  // Σ z, Σ z², Σ z³, Σ z⁴
  int64_t beyondFive = 0, beyondSix = 0;
  double largest = 0;
};

void addTotals(const std::vector<float>& block, Totals& totals) {
  double sum1 = 0, sum2 = 0, sum3 = 0, sum4 = 0;
  float largest = 0;
  for (float value : block) {
    const double z = value, square = z * z;
    sum1 += z;
    sum2 += square;
    sum3 += square * z;
    sum4 += square * square;
    largest = std::max(largest, std::abs(value));
  }
  const double sums[] = {sum1, sum2, sum3, sum4};
  for (int k = 0; k < 4; ++k) totals.power[k] += sums[k];
  totals.largest = std::max<double>(totals.largest, largest);
  if (largest <= 5) return;
  for (float value : block) {
    totals.beyondFive += std::abs(value) > 5;
    totals.beyondSix += std::abs(value) > 6;
  }
}

TEST(GaussianNoise, HasTheMomentsAndTailsOfAStandardNormal) {
  GaussianNoise noise;
  noise.setKey({1, 2, 3});
  std::vector<float> block(static_cast<size_t>(kBlock));
  Totals totals;
  for (int64_t first = 0; first < kMany; first += kBlock) {
    noise.fill(1, static_cast<uint64_t>(first), kBlock, block.data(), 0);
    addTotals(block, totals);
  }
  const double n = static_cast<double>(kMany);
  const double means[] = {0, 1, 0, 3}, variances[] = {1, 2, 15, 96};
  for (int k = 0; k < 4; ++k) {
    EXPECT_LT(std::abs(totals.power[k] / n - means[k]), 5 * std::sqrt(variances[k] / n)) << "moment " << k + 1;
  }
  const double five = n * std::erfc(5 / std::sqrt(2.0)), six = n * std::erfc(6 / std::sqrt(2.0));
  EXPECT_LT(std::abs(static_cast<double>(totals.beyondFive) - five), 5 * std::sqrt(five));
  EXPECT_LT(static_cast<double>(totals.beyondSix), six + 5 * std::sqrt(six) + 3);
  EXPECT_GT(totals.largest, 5);
  EXPECT_LT(totals.largest, 8);
}

TEST(GaussianNoise, PassesKolmogorovSmirnovAndChiSquare) {
  std::vector<float> z = samples({4}, 3, 0, 1000 * kBlock);
  std::sort(z.begin(), z.end());
  const double n = static_cast<double>(z.size());
  constexpr int kBins = 256;
  std::vector<double> counts(kBins);
  double distance = 0;
  for (size_t i = 0; i < z.size(); ++i) {
    const double cdf = std::erfc(-z[i] / std::sqrt(2.0)) / 2;
    distance = std::max({distance, (static_cast<double>(i) + 1) / n - cdf, cdf - static_cast<double>(i) / n});
    ++counts[std::min(kBins - 1, static_cast<int>(cdf * kBins))];
  }
  EXPECT_LT(distance * std::sqrt(n), 2.2);  // p ≈ 1e-4
  double chiSquare = 0;
  for (double count : counts) chiSquare += std::pow(count - n / kBins, 2) / (n / kBins);
  EXPECT_LT(std::abs(chiSquare - (kBins - 1)), 5 * std::sqrt(2.0 * (kBins - 1)));
}

// Correlations of the values and of their squares, in deviations from none.
void expectUncorrelated(const float* a, const float* b, int64_t count, const std::string& what) {
  double values = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double x = a[i], y = b[i];
    values += x * y;
    squares += (x * x - 1) * (y * y - 1);
  }
  EXPECT_LT(std::abs(values) / std::sqrt(count), 5) << what;
  EXPECT_LT(std::abs(squares) / (2 * std::sqrt(count)), 5) << what << ", squares";
}

TEST(GaussianNoise, IsUncorrelatedAcrossStreamsBlocksPairsAndKeys) {
  const int64_t count = 1000 * kBlock;
  const std::vector<float> one = samples({5}, 1, 0, count);
  expectUncorrelated(one.data(), samples({5}, 2, 0, count).data(), count, "streams");
  expectUncorrelated(one.data(), samples({5}, 1ull << 32, 0, count).data(), count, "distant streams");
  expectUncorrelated(one.data(), samples({6}, 1, 0, count).data(), count, "keys");
  for (int64_t lag : {int64_t{1}, int64_t{16}, kBlock / 2, kBlock, 2 * kBlock}) {
    expectUncorrelated(one.data(), one.data() + lag, count - lag, "lag " + std::to_string(lag));
  }
  expectUncorrelated(one.data(), samples({5}, 1, static_cast<uint64_t>(count), count).data(), count, "ranges");
}

TEST(GaussianNoise, IsAPureFunctionOfKeyStreamAndPosition) {
  const int64_t count = 20 * kBlock + 333;
  const std::vector<float> whole = samples({7}, 11, 4 * kBlock, count);
  GaussianNoise noise;
  noise.setKey({7});
  noise.reserveWorkers(3);
  std::vector<float> parts(whole.size());
  for (int64_t first : {15 * kBlock, int64_t{0}, 8 * kBlock}) {
    const int64_t size = std::min(8 * kBlock, count - first);
    noise.fill(11, static_cast<uint64_t>(first + 4 * kBlock), size, parts.data() + first, 1);
  }
  EXPECT_EQ(whole, parts);
  std::vector<float> start(5);
  noise.fill(11, 4 * kBlock, 5, start.data(), 2);
  EXPECT_TRUE(std::equal(start.begin(), start.end(), whole.begin()));
}

// The keystream itself: bytes [16·position, …) of AES-256-CTR whose counter starts at (stream, 0).
std::vector<uint32_t> keystream(const NoiseKey& key, uint64_t stream, uint64_t position, size_t words) {
  uint8_t counter[16];
  for (int i = 0; i < 8; ++i) {
    counter[i] = static_cast<uint8_t>(stream >> (56 - 8 * i));
    counter[8 + i] = static_cast<uint8_t>(position >> (56 - 8 * i));
  }
  std::vector<uint32_t> out(words), zeros(words);
  int written = 0;
  EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(cipher, EVP_aes_256_ctr(), nullptr, key.data(), counter);
  EVP_EncryptUpdate(cipher, reinterpret_cast<uint8_t*>(out.data()), &written,
                    reinterpret_cast<const uint8_t*>(zeros.data()), static_cast<int>(4 * words));
  EVP_CIPHER_CTX_free(cipher);
  return out;
}

// Squared radii of a block, worked out from its 512 high, 512 angle and 16 low words, or `more` low words.
std::vector<double> squaredRadii(const std::vector<uint32_t>& words, const std::vector<uint32_t>& more, int* tails) {
  std::vector<double> squares;
  *tails = 0;
  for (size_t p = 0; p < kBlock / 2; ++p) {
    const uint32_t high = words[p];
    const bool tail = high < 0x1000000 || high >= 0xFF000000;
    const uint32_t low = !tail ? 0x80000000 : more.empty() ? words[kBlock + *tails] : more[*tails];
    *tails += tail;
    const uint64_t word = static_cast<uint64_t>(high) << 32 | low;
    const double distance = (static_cast<double>(word >> 63 ? ~word : word) + 0.5) * 0x1p-64;
    squares.push_back(-2 * (word >> 63 ? std::log1p(-distance) : std::log(distance)));
  }
  return squares;
}

void expectRadii(const std::vector<float>& got, const std::vector<double>& want) {
  for (size_t p = 0; p < want.size(); ++p) {
    const double square =
        static_cast<double>(got[p]) * got[p] + static_cast<double>(got[p + kBlock / 2]) * got[p + kBlock / 2];
    ASSERT_NEAR(square / want[p], 1, 2e-6) << "pair " << p;
  }
}

TEST(GaussianNoise, SpendsTheKeystreamAsItSays) {
  const NoiseKey key{1};
  int tails = 0;
  const auto words = keystream(key, 9, 260 * 3, 1040);
  expectRadii(samples(key, 9, 3 * kBlock, kBlock), squaredRadii(words, {}, &tails));
  EXPECT_LE(tails, 16);
}

// One block in a million needs more low words than it has; this is one (found by search).
TEST(GaussianNoise, FindsMoreLowWordsForABlockThatNeedsThem) {
  const NoiseKey key{1};
  const uint64_t stream = 1, block = 1692681;
  int tails = 0;
  const auto words = keystream(key, stream, 260 * block, 1040);
  const auto more = keystream(key, stream, (uint64_t{1} << 63) + 128 * block, 512);
  const std::vector<float> alone = samples(key, stream, block * kBlock, kBlock);
  expectRadii(alone, squaredRadii(words, more, &tails));
  EXPECT_EQ(tails, 17);
  const std::vector<float> around = samples(key, stream, (block - 3) * kBlock, 8 * kBlock);
  for (int64_t b = 0; b < 8; ++b) {
    const std::vector<float> one = samples(key, stream, (block - 3 + b) * kBlock, kBlock);
    EXPECT_TRUE(std::equal(one.begin(), one.end(), around.begin() + b * kBlock)) << b;
  }
}

TEST(GaussianNoise, WorkersRunSideBySide) {
  constexpr int kWorkers = 4;
  const int64_t share = 64 * kBlock;
  const std::vector<float> whole = samples({8}, 1, 0, kWorkers * share);
  GaussianNoise noise;
  noise.reserveWorkers(kWorkers);
  noise.setKey({8});
  std::vector<float> parts(whole.size());
  std::vector<std::thread> threads;
  for (int w = 0; w < kWorkers; ++w) {
    threads.emplace_back(
        [&, w] { noise.fill(1, static_cast<uint64_t>(w * share), share, parts.data() + w * share, w); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(whole, parts);
}

TEST(GaussianNoise, DiffersByKeyStreamAndPosition) {
  const std::vector<float> base = samples({9}, 1, 0, kBlock);
  NoiseKey lastByte{9};
  lastByte[31] = 1;
  for (const auto& other : {samples({10}, 1, 0, kBlock), samples(lastByte, 1, 0, kBlock), samples({9}, 2, 0, kBlock),
                            samples({9}, 1ull << 63, 0, kBlock), samples({9}, 1, kBlock, kBlock)}) {
    int64_t equal = 0;
    for (size_t i = 0; i < base.size(); ++i) equal += base[i] == other[i];
    EXPECT_LE(equal, 2);
  }
}

TEST(GaussianNoise, RefusesToRunWithoutAKeyOrWithinABlock) {
  GaussianNoise noise;
  float out[4];
  EXPECT_FALSE(noise.hasKey());
  EXPECT_THROW(noise.fill(1, 0, 4, out, 0), std::logic_error);
  noise.setKey({1});
  EXPECT_TRUE(noise.hasKey());
  EXPECT_THROW(noise.fill(1, 5, 4, out, 0), std::invalid_argument);
  EXPECT_THROW(noise.fill(1, 0, 4, out, 1), std::out_of_range);
  noise.fill(1, 0, 0, nullptr, 0);
}

}  // namespace
}  // namespace hushgrad
