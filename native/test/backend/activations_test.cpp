// Activations of the CPU backend against float64 over the whole range of float32: zeros, denormal and huge numbers,
// infinities and NaN included.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "backend/backend.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Every 2,003rd float of both signs, and the corners.
std::vector<float> sweep() {
  std::vector<float> values{0.0f, -0.0f, 1e-45f, -1e-45f, 1e-38f, -1e-38f, 1.0f, -1.0f, 3.4e38f, -3.4e38f};
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 2003) {
    const uint32_t word = static_cast<uint32_t>(bits);
    float value;
    std::memcpy(&value, &word, sizeof(value));
    if (std::isfinite(value)) values.push_back(value);
  }
  // Finely where the functions bend.
  for (double x = -15; x < 15; x += 0.0001) values.push_back(static_cast<float>(x));
  return values;
}

struct Truth {
  double value, derivative;
  double terms;  // the size of what the derivative adds up: its rounding error is in proportion to that
};

Truth truth(const Activation& f, double x) {
  switch (f.kind) {
    case ActivationKind::relu:
      return {x > 0 ? x : 0, x > 0 ? 1.0 : 0.0, 1};
    case ActivationKind::leakyRelu:
      return {x > 0 ? x : f.slope * x, x > 0 ? 1.0 : static_cast<double>(f.slope), 1};
    case ActivationKind::tanh: {
      const double y = static_cast<float>(std::tanh(x));
      return {std::tanh(x), 1 - y * y, 1};  // of the rounded y: that is what the gradient is given
    }
    case ActivationKind::sigmoid: {
      const double exact = x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
      const double y = static_cast<float>(exact);
      return {exact, y * (1 - y), y};
    }
    case ActivationKind::gelu: {
      const double cumulative = std::erfc(-x / std::sqrt(2.0)) / 2;
      const double density = std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
      const double slope = density == 0 ? 0 : x * density;
      return {x * cumulative, cumulative + slope, cumulative + std::abs(slope)};
    }
    case ActivationKind::geluTanh: {
      const double scale = 2 * std::sqrt(2 / M_PI), v = scale * (x + 0.044715 * x * x * x);
      const double s = v < 0 ? std::exp(v) / (1 + std::exp(v)) : 1 / (1 + std::exp(-v));
      const double complement = v < 0 ? 1 / (1 + std::exp(v)) : std::exp(-v) / (1 + std::exp(-v));
      const double both = s * complement;
      const double slope = both == 0 ? 0 : x * both * scale * (1 + 3 * 0.044715 * x * x);
      return {x * s, s + slope, s + std::abs(slope)};
    }
  }
  return {};
}

// Their tails are products of several rounded factors.
bool isGelu(const Activation& f) {
  return f.kind == ActivationKind::gelu || f.kind == ActivationKind::geluTanh;
}

class Activations : public testing::TestWithParam<Activation> {};

TEST_P(Activations, ValueIsAccurateEverywhere) {
  const Activation f = GetParam();
  const std::vector<float> x = sweep();
  std::vector<float> y(x.size());
  cpuBackend().activate(f, static_cast<int64_t>(x.size()), x.data(), y.data());
  double worst = 0;
  float where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = truth(f, x[i]).value;
    ASSERT_TRUE(std::isfinite(y[i])) << x[i];
    ASSERT_TRUE(std::signbit(y[i]) == std::signbit(want) || y[i] == 0) << x[i] << " gives " << y[i];
    // x · Φ(x) with a tail below the normal floats has lost digits already: 1e-37 is nothing to add up.
    const double error = std::abs(y[i] - want) / std::max(std::abs(want), 1e-37);
    if (std::abs(x[i]) < 1e-37 ? std::abs(y[i] - want) > 3e-45 : error > worst) worst = error, where = x[i];
  }
  EXPECT_LT(worst, isGelu(f) ? 4e-7 : 2e-7) << "at " << where;
}

TEST_P(Activations, GradientIsAccurateEverywhere) {
  const Activation f = GetParam();
  const std::vector<float> x = sweep();
  const auto dy = normalFloats(static_cast<int64_t>(x.size()), 5);
  std::vector<float> y(x.size()), dx(x.size());
  for (size_t i = 0; i < x.size(); ++i) y[i] = static_cast<float>(truth(f, x[i]).value);
  cpuBackend().activateGradient(f, static_cast<int64_t>(x.size()), x.data(), y.data(), dy.data(), dx.data());
  double worst = 0;
  float where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const Truth want = truth(f, x[i]);
    // Leaky ReLU's derivative follows the sign of y, which an underflow loses.
    if (f.kind == ActivationKind::leakyRelu && y[i] == 0) continue;
    const double error = std::abs(dx[i] - dy[i] * want.derivative) / (std::abs(dy[i]) * want.terms + 4e-36);
    if (!(error <= worst)) worst = error, where = x[i];
  }
  EXPECT_LT(worst, isGelu(f) ? 6e-7 : 2e-7) << "at " << where;
}

TEST_P(Activations, KeepsNanAndLimits) {
  const Activation f = GetParam();
  // 19 elements: whole vectors and single ones both.
  std::vector<float> x(19, 0.5f), y(19);
  x[3] = x[18] = NAN;
  cpuBackend().activate(f, 19, x.data(), y.data());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i == 3 || i == 18) << i;

  std::vector<float> ends(19, kInfinity);
  cpuBackend().activate(f, 19, ends.data(), y.data());
  const bool bounded = f.kind == ActivationKind::tanh || f.kind == ActivationKind::sigmoid;
  for (float value : y) EXPECT_EQ(value, bounded ? 1.0f : kInfinity);
}

TEST_P(Activations, WorksInPlaceAndOnAnyCount) {
  const Activation f = GetParam();
  for (int64_t count : {0, 1, 3, 4, 15, 16, 17, 33, 100}) {
    const auto x = normalFloats(count, 1), dy = normalFloats(count, 2);
    auto y = std::vector<float>(static_cast<size_t>(count + 1), 7.0f), inPlace = x;
    cpuBackend().activate(f, count, x.data(), y.data());
    EXPECT_EQ(y.back(), 7.0f);
    cpuBackend().activate(f, count, inPlace.data(), inPlace.data());
    std::vector<float> dx(static_cast<size_t>(count + 1), 7.0f), gradientInPlace = dy;
    cpuBackend().activateGradient(f, count, x.data(), y.data(), dy.data(), dx.data());
    EXPECT_EQ(dx.back(), 7.0f);
    cpuBackend().activateGradient(f, count, x.data(), y.data(), gradientInPlace.data(), gradientInPlace.data());
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_EQ(inPlace[i], y[i]);
      EXPECT_EQ(gradientInPlace[i], dx[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Activations,
                         testing::Values(Activation{ActivationKind::relu}, Activation{ActivationKind::leakyRelu, 0.01f},
                                         Activation{ActivationKind::tanh}, Activation{ActivationKind::sigmoid},
                                         Activation{ActivationKind::gelu}, Activation{ActivationKind::geluTanh}));

TEST(Activations, LimitsOfTheBoundedOnes) {
  const std::vector<float> x(19, -kInfinity);
  std::vector<float> y(19);
  cpuBackend().activate({ActivationKind::tanh}, 19, x.data(), y.data());
  for (float value : y) EXPECT_EQ(value, -1.0f);
  cpuBackend().activate({ActivationKind::sigmoid}, 19, x.data(), y.data());
  for (float value : y) EXPECT_EQ(value, 0.0f);
  cpuBackend().activate({ActivationKind::relu}, 19, x.data(), y.data());
  for (float value : y) EXPECT_EQ(value, 0.0f);
}

TEST(Activations, TanhKeepsTheSignOfZero) {
  const std::vector<float> x(17, -0.0f);
  std::vector<float> y(17);
  cpuBackend().activate({ActivationKind::tanh}, 17, x.data(), y.data());
  for (float value : y) EXPECT_TRUE(value == 0 && std::signbit(value));
}

}  // namespace
}  // namespace hushgrad
