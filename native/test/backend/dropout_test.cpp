// Dropout of the CPU backend: the right share, a mask that is a function of key and position alone, and no trace of
// what was dropped.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/backend.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

std::vector<float> mask(uint64_t key, uint64_t position, float rate, int64_t count) {
  const std::vector<float> ones(static_cast<size_t>(count), 1.0f);
  std::vector<float> y(ones.size());
  cpuBackend().dropout(key, position, rate, count, ones.data(), y.data());
  return y;
}

TEST(Dropout, DropsItsShareAndScalesTheRest) {
  const int64_t count = 1000000;
  for (const float rate : {0.1f, 0.5f, 0.9f}) {
    int64_t kept = 0;
    for (float value : mask(7, 0, rate, count)) {
      if (value == 0) continue;
      EXPECT_FLOAT_EQ(value, 1 / (1 - rate));
      ++kept;
    }
    const double want = count * (1.0 - rate), deviation = std::sqrt(count * rate * (1.0 - rate));
    EXPECT_NEAR(static_cast<double>(kept), want, 5 * deviation);
  }
}

TEST(Dropout, EndsOfTheRange) {
  EXPECT_EQ(mask(7, 3, 0, 100), std::vector<float>(100, 1.0f));
  EXPECT_EQ(mask(7, 3, 1, 100), std::vector<float>(100, 0.0f));
}

TEST(Dropout, DependsOnKeyAndPositionAlone) {
  const auto whole = mask(9, 1000, 0.5f, 500);
  for (int64_t first : {0, 1, 5, 63, 64, 65, 200}) {
    const auto piece = mask(9, 1000 + static_cast<uint64_t>(first), 0.5f, 77);
    for (int64_t i = 0; i < 77; ++i) EXPECT_EQ(piece[i], whole[first + i]);
  }
  EXPECT_NE(mask(10, 1000, 0.5f, 500), whole);
  EXPECT_NE(mask(9 + (uint64_t{1} << 32), 1000, 0.5f, 500), whole);
  EXPECT_NE(mask(9, 1000 + (uint64_t{1} << 40), 0.5f, 500), whole);
}

// The generator's published test vector for an all-zero key and counter: 6627e8d5 e169c58d bc57ac4c 9b00dbd8. Its words
// are elements 0, 16, 32 and 48: each is dropped by the least rate above word / 2^32 and kept just below.
TEST(Dropout, IsPhilox) {
  const uint32_t words[] = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
  for (int64_t i = 0; i < 4; ++i) {
    const float share = static_cast<float>(words[i] / 4294967296.0);
    EXPECT_NE(mask(0, 0, std::nextafter(share, 0.0f), 64)[16 * i], 0.0f);
    EXPECT_EQ(mask(0, 0, std::nextafter(share, 1.0f), 64)[16 * i], 0.0f);
  }
}

TEST(Dropout, WhatIsDroppedLeavesNoTrace) {
  const auto kept = mask(5, 0, 0.5f, 300);
  std::vector<float> x(300, NAN);
  cpuBackend().dropout(5, 0, 0.5f, 300, x.data(), x.data());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(std::isnan(x[i]), kept[i] != 0);
}

TEST(Dropout, NeighboursAreNotCorrelated) {
  const auto y = mask(3, 0, 0.5f, 1 << 18);
  for (int64_t lag : {1, 4, 16, 64}) {
    double sum = 0;
    const int64_t count = static_cast<int64_t>(y.size()) - lag;
    for (int64_t i = 0; i < count; ++i) sum += (y[i] - 1.0) * (y[i + lag] - 1.0);
    EXPECT_LT(std::abs(sum), 5 * std::sqrt(static_cast<double>(count))) << "lag " << lag;
  }
}

}  // namespace
}  // namespace hushgrad
