// GroupNorm and LayerNorm of the CPU backend against the reference loops.
#include <gtest/gtest.h>

#include <cmath>

#include "test/support/numbers.h"
#include "test/support/reference_backend.h"

namespace hushgrad {
namespace {

using Normalization = Backend::Normalization;

double errorOf(const std::vector<float>& got, const std::vector<float>& want) {
  return relativeError({got.begin(), got.end()}, {want.begin(), want.end()});
}

std::vector<float> room(int64_t floats) {
  return std::vector<float>(static_cast<size_t>(floats), NAN);
}

// positions, channels, groups, a position's own statistics
const Normalization kCases[] = {{1, 1, 1, true},      {1, 10, 1, true},      {1, 33, 1, false},   {7, 3, 1, true},
                                {12, 100, 1, true},   {5, 5000, 1, true},    {64, 16, 1, false},  {64, 16, 4, false},
                                {64, 16, 16, false},  {100, 32, 8, false},   {49, 12, 4, false},  {49, 21, 7, false},
                                {1, 24, 6, false},    {1024, 64, 32, false}, {130, 96, 2, false}, {9, 200, 200, false},
                                {9, 200, 100, false}, {33, 7, 1, false},     {3000, 5, 5, false}};

class Normalizations : public testing::TestWithParam<Normalization> {};

TEST_P(Normalizations, AgreeWithTheReference) {
  const Normalization n = GetParam();
  ReferenceBackend reference;
  const int64_t examples = 3, elements = n.positions * n.channels, stride = n.channels + 2;
  // With a mean well above the deviation, which costs a one-pass variance its digits.
  auto x = normalFloats(examples * elements, 1);
  for (float& value : x) value = value * 0.5f + 4;
  const auto weight = normalFloats(n.channels, 2), bias = normalFloats(n.channels, 3);
  const auto dy = normalFloats(examples * elements, 4);
  for (const bool affine : {true, false}) {
    const float* w = affine ? weight.data() : nullptr;
    auto y = room(examples * elements), wantY = y, dx = y, wantDx = y;
    auto stats = room(examples * 2 * n.statistics()), wantStats = stats;
    cpuBackend().normalize(n, examples, x.data(), w, affine ? bias.data() : nullptr, y.data(), stats.data());
    reference.normalize(n, examples, x.data(), w, affine ? bias.data() : nullptr, wantY.data(), wantStats.data());
    EXPECT_LT(errorOf(stats, wantStats), 1e-6);
    EXPECT_LT(errorOf(y, wantY), 2e-6);
    cpuBackend().normalizeGradient(n, examples, x.data(), wantStats.data(), w, dy.data(), dx.data());
    reference.normalizeGradient(n, examples, x.data(), wantStats.data(), w, dy.data(), wantDx.data());
    EXPECT_LT(errorOf(dx, wantDx), 3e-6);
  }
  auto stats = room(examples * 2 * n.statistics()), unused = room(examples * elements);
  reference.normalize(n, examples, x.data(), nullptr, nullptr, unused.data(), stats.data());
  std::vector<float> dw(static_cast<size_t>(examples * stride), 7.0f), db = dw, wantDw = dw, wantDb = dw;
  cpuBackend().normalizeParameterGradients(n, examples, x.data(), stats.data(), dy.data(), dw.data(), db.data(),
                                           stride);
  reference.normalizeParameterGradients(n, examples, x.data(), stats.data(), dy.data(), wantDw.data(), wantDb.data(),
                                        stride);
  EXPECT_LT(errorOf(dw, wantDw), 2e-6);
  EXPECT_LT(errorOf(db, wantDb), 2e-6);
  auto alone = std::vector<float>(dw.size(), 7.0f);
  cpuBackend().normalizeParameterGradients(n, examples, x.data(), stats.data(), dy.data(), nullptr, alone.data(),
                                           stride);
  EXPECT_EQ(alone, db);
  alone.assign(dw.size(), 7.0f);
  cpuBackend().normalizeParameterGradients(n, examples, x.data(), stats.data(), dy.data(), alone.data(), nullptr,
                                           stride);
  EXPECT_EQ(alone, dw);
}

INSTANTIATE_TEST_SUITE_P(Cases, Normalizations, testing::ValuesIn(kCases));

TEST(Normalization, ABadExampleStaysAlone) {
  for (const Normalization& n : {Normalization{20, 24, 8, false}, Normalization{20, 24, 1, true}}) {
    const int64_t examples = 3, elements = n.positions * n.channels;
    auto x = normalFloats(examples * elements, 1);
    auto y = room(examples * elements), stats = room(examples * 2 * n.statistics());
    cpuBackend().normalize(n, examples, x.data(), nullptr, nullptr, y.data(), stats.data());
    const auto before = y;
    x[elements + 7] = NAN;
    cpuBackend().normalize(n, examples, x.data(), nullptr, nullptr, y.data(), stats.data());
    for (int64_t i = 0; i < examples * elements; ++i) EXPECT_TRUE(i / elements == 1 || y[i] == before[i]);
  }
}

TEST(Normalization, AConstantExampleGivesTheBias) {
  const Normalization n{20, 24, 8, false};
  const std::vector<float> x(20 * 24, 3.25f), bias(24, 0.5f);
  auto y = room(20 * 24), stats = room(16);
  cpuBackend().normalize(n, 1, x.data(), nullptr, bias.data(), y.data(), stats.data());
  for (float value : y) EXPECT_EQ(value, 0.5f);
}

}  // namespace
}  // namespace hushgrad
