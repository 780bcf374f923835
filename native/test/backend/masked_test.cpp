// Norms under bit masks: of rows, and of outer products that are never written out, against float64.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backend/backend.h"
#include "test/support/numbers.h"
#include "test/support/reference_backend.h"

namespace hushgrad {
namespace {

std::vector<uint8_t> randomBits(int64_t count, double kept, uint32_t seed) {
  std::mt19937 random(seed);
  std::bernoulli_distribution keep(kept);
  std::vector<uint8_t> bits(static_cast<size_t>(count / 8 + 9));
  for (int64_t i = 0; i < count; ++i)
    if (keep(random)) bits[static_cast<size_t>(i / 8)] |= static_cast<uint8_t>(1 << i % 8);
  return bits;
}

TEST(Masked, RowNormsReadWhatIsKeptAlone) {
  for (int64_t columns : {1, 3, 8, 15, 16, 17, 31, 64, 100, 1027}) {
    const int64_t rows = 3, stride = columns + 2;
    const auto bits = randomBits(columns, 0.5, static_cast<uint32_t>(columns));
    auto x = normalFloats(rows * stride, 1);
    std::vector<double> want{1, 10, 100}, got = want;
    ReferenceBackend().addSquaredNorms(rows, columns, x.data(), stride, want.data(), bits.data());
    for (int64_t i = 0; i < rows * stride; ++i)
      if (i % stride >= columns || !(bits[static_cast<size_t>(i % stride / 8)] >> (i % stride % 8) & 1))
        x[static_cast<size_t>(i)] = NAN;
    cpuBackend().addSquaredNorms(rows, columns, x.data(), stride, got.data(), bits.data());
    for (size_t b = 0; b < 3; ++b) EXPECT_PRED2(boundsFromAbove, got[b], want[b]) << columns;
  }
}

TEST(Masked, CoarseValuesBecomeZero) {
  const float least = Backend::kLeastScaled;
  std::vector<float> y{least, std::nextafter(least, 0.0f), -least, -least / 2, 0, 1, -1e-45f, 3e38f, least / 4},
      want = y;
  want[1] = want[3] = want[6] = want[8] = 0;
  cpuBackend().zeroCoarse(static_cast<int64_t>(y.size()), y.data());
  EXPECT_EQ(y, want);
}

struct Outer {
  int64_t examples, outputs, inputs;
  std::vector<float> a, e;
  std::vector<uint8_t> mask;

  Outer(int64_t examples, int64_t outputs, int64_t inputs, double kept)
      : examples(examples),
        outputs(outputs),
        inputs(inputs),
        a(normalFloats(examples * inputs, 1)),
        e(normalFloats(examples * outputs, 2)),
        mask(randomBits(outputs * inputs, kept, 3)) {}

  std::vector<double> norms(Backend& backend) const {
    std::vector<double> sums(static_cast<size_t>(examples));
    std::vector<float> scratch(static_cast<size_t>(backend.maskedOuterFloats(outputs)), NAN);
    backend.addMaskedOuterNorms({examples, outputs, inputs, a.data(), e.data(), mask.data()}, scratch.data(),
                                sums.data());
    return sums;
  }

  void expectBound() const {
    ReferenceBackend reference;
    const auto want = norms(reference), got = norms(cpuBackend());
    for (size_t b = 0; b < want.size(); ++b) {
      // Never too small, or a record would be added longer than its threshold.
      EXPECT_GE(got[b], want[b] * (1 - 1e-12)) << "example " << b << " of " << outputs << " x " << inputs;
      EXPECT_LE(got[b], want[b] * (1 + 1e-5)) << "example " << b << " of " << outputs << " x " << inputs;
    }
  }
};

TEST(Masked, OuterProductNormsAreExactUpwards) {
  for (double kept : {0.02, 0.5, 0.97})
    for (int64_t examples : {1, 2, 16, 17, 33, 64, 65, 130})
      for (auto [outputs, inputs] : {std::pair{1, 1}, {3, 5}, {4, 6}, {7, 53}, {10, 54}, {9, 55}, {33, 200}})
        Outer(examples, outputs, inputs, kept).expectBound();
}

TEST(Masked, OuterProductNormsOfALargeLayer) {
  Outer(64, 1000, 784, 0.5).expectBound();
}

TEST(Masked, HostileRecordsGetTheirFullNorm) {
  struct Case {
    float a, e, aElsewhere, eElsewhere;
  };
  const Case cases[] = {{1e-25f, 1e30f, 0, 0},      {1e30f, 1e-25f, 0, 0},        {1e-40f, 3e38f, 0, 0},
                        {1e-20f, 1, 1e20f, 1},      {1, 1e-20f, 1, 1e20f},        {1e-22f, 1e-22f, 1e18f, 1e18f},
                        {1e-38f, 1e-38f, 3e38f, 1}, {3e38f, 3e38f, 3e38f, 3e38f}, {1e-45f, 1e-45f, 1e-45f, 1e-45f}};
  for (const Case& hostile : cases) {
    Outer outer(3, 8, 13, 0.5);
    // The kept coordinates hold one magnitude; the large ones beside them are dropped with their rows and columns.
    for (int64_t i = 0; i < 8; ++i) outer.e[static_cast<size_t>(8 + i)] = i < 4 ? hostile.e : hostile.eElsewhere;
    for (int64_t j = 0; j < 13; ++j) outer.a[static_cast<size_t>(13 + j)] = j < 6 ? hostile.a : hostile.aElsewhere;
    for (int64_t i = 0; i < 8; ++i)
      for (int64_t j = 0; j < 13; ++j) {
        const int64_t at = i * 13 + j;
        if (i >= 4 || j >= 6) outer.mask[static_cast<size_t>(at / 8)] &= static_cast<uint8_t>(~(1 << at % 8));
      }
    outer.expectBound();
  }
}

TEST(Masked, NothingKeptOrNothingThereIsZero) {
  EXPECT_EQ(Outer(5, 9, 20, 0.0).norms(cpuBackend()), std::vector<double>(5));
  Outer zeros(5, 9, 20, 1.0);
  std::fill(zeros.e.begin(), zeros.e.end(), 0.0f);
  EXPECT_EQ(zeros.norms(cpuBackend()), std::vector<double>(5));
}

TEST(Masked, WhatIsNotFiniteHasNoNorm) {
  for (float value : {std::numeric_limits<float>::infinity(), static_cast<float>(NAN)}) {
    Outer outer(4, 5, 7, 0.5);
    outer.a[7 + 3] = value;
    outer.e[10 + 2] = -value;
    const auto norms = outer.norms(cpuBackend());
    EXPECT_TRUE(std::isfinite(norms[0]) && std::isfinite(norms[3]));
    EXPECT_FALSE(std::isfinite(norms[1]) || std::isfinite(norms[2]));
  }
}

}  // namespace
}  // namespace hushgrad
