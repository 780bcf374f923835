// Correlated noise against dense matrices: C by its coefficients, inverted here.
#include "privatize/correlated_noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "privatize/noise.h"

namespace hushgrad {
namespace {

constexpr int kSteps = 12;
constexpr int64_t kBlock = GaussianNoise::kBlock;

using Matrix = std::vector<std::vector<double>>;

Matrix square() {
  return Matrix(kSteps, std::vector<double>(kSteps));
}

Matrix toeplitz(const std::vector<double>& column) {
  Matrix matrix = square();
  for (int i = 0; i < kSteps; ++i)
    for (int j = 0; j <= i; ++j)
      if (static_cast<size_t>(i - j) < column.size()) matrix[i][j] = column[static_cast<size_t>(i - j)];
  return matrix;
}

// Of a lower triangular matrix, by forward substitution.
Matrix inverse(const Matrix& lower) {
  Matrix result = square();
  for (int column = 0; column < kSteps; ++column)
    for (int row = column; row < kSteps; ++row) {
      double value = row == column;
      for (int k = column; k < row; ++k) value -= lower[row][k] * result[k][column];
      result[row][column] = value / lower[row][row];
    }
  return result;
}

struct Case {
  const char* name;
  NoiseRecurrence recurrence;
  Matrix inverseOfC;
};

// Each as src/correlation would say it: C banded with first coefficient 0.8; C⁻¹ banded; C of two buffers, halved.
std::vector<Case> cases() {
  std::vector<double> buffered{0.5};
  for (int t = 1; t < kSteps; ++t) buffered.push_back((0.3 * std::pow(0.9, t - 1) + 0.4 * std::pow(0.25, t - 1)) / 2);
  const float c = 0.8f;
  return {
      {"banded C", {true, 1 / c, {-0.4f / c, -0.32f / c, -0.2f / c}, {}}, inverse(toeplitz({0.8, 0.4, 0.32, 0.2}))},
      {"banded inverse", {false, 1.25f, {-0.625f, -0.15625f}, {}}, toeplitz({1.25, -0.625, -0.15625})},
      {"one band of an inverse", {false, 1.25f, {-0.5f}, {}}, toeplitz({1.25, -0.5})},
      {"buffers", {true, 2, {-0.3f, -0.4f}, {0.9f, 0.25f}}, inverse(toeplitz(buffered))},
      {"none", {true, 1.5f, {}, {}}, toeplitz({1.5})},
  };
}

std::vector<float> normals(const GaussianNoise& noise, int step, int64_t count) {
  std::vector<float> z(static_cast<size_t>(count));
  noise.fill(static_cast<uint64_t>(step), 0, count, z.data(), 0);
  return z;
}

// x of steps 1 … kSteps, in pieces of `piece` samples.
std::vector<std::vector<float>> draw(CorrelatedNoise& correlation, const GaussianNoise& noise, int64_t count,
                                     int64_t piece) {
  std::vector<std::vector<float>> steps;
  for (int t = 1; t <= kSteps; ++t) {
    steps.push_back(normals(noise, t, count));
    for (int64_t first = 0; first < count; first += piece)
      correlation.correlate(static_cast<uint64_t>(first), std::min(piece, count - first), steps.back().data() + first);
    correlation.endStep();
  }
  return steps;
}

TEST(CorrelatedNoise, IsTheInverseOfCTimesIndependentNoise) {
  const int64_t count = 3 * kBlock + 37;
  GaussianNoise noise;
  noise.setKey({1});
  for (const Case& one : cases()) {
    CorrelatedNoise correlation(one.recurrence, count);
    const auto x = draw(correlation, noise, count, count);
    std::vector<std::vector<float>> z;
    for (int t = 1; t <= kSteps; ++t) z.push_back(normals(noise, t, count));
    for (int t = 0; t < kSteps; ++t)
      for (int64_t i = 0; i < count; ++i) {
        double expected = 0;
        for (int s = 0; s <= t; ++s) expected += one.inverseOfC[t][s] * z[s][i];
        ASSERT_NEAR(x[t][i], expected, 1e-5) << one.name << ", step " << t;
      }
  }
}

// The covariance between steps is C⁻¹C⁻ᵀ, within five deviations of its estimate; nothing else is correlated.
TEST(CorrelatedNoise, HasTheCovarianceThatItSays) {
  const int64_t count = 100 * kBlock;
  const double n = static_cast<double>(count);
  GaussianNoise noise;
  noise.setKey({2});
  for (const Case& one : cases()) {
    CorrelatedNoise correlation(one.recurrence, count);
    const auto x = draw(correlation, noise, count, count);
    Matrix expected = square();
    for (int s = 0; s < kSteps; ++s)
      for (int t = 0; t < kSteps; ++t)
        for (int k = 0; k < kSteps; ++k) expected[s][t] += one.inverseOfC[s][k] * one.inverseOfC[t][k];
    for (int s = 0; s < kSteps; ++s)
      for (int t = 0; t < kSteps; ++t) {
        double sum = 0, neighbours = 0;
        for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[s][i]) * x[t][i];
        for (int64_t i = 1; i < count; ++i) neighbours += static_cast<double>(x[s][i - 1]) * x[t][i];
        const double variance = expected[s][s] * expected[t][t];
        EXPECT_LT(std::abs(sum / n - expected[s][t]), 5 * std::sqrt((variance + expected[s][t] * expected[s][t]) / n))
            << one.name << ", steps " << s << ", " << t;
        EXPECT_LT(std::abs(neighbours / n), 5 * std::sqrt(variance / n)) << one.name << ", coordinates side by side";
      }
  }
}

TEST(CorrelatedNoise, DoesNotDependOnHowItIsCut) {
  const int64_t count = 9 * kBlock + 5;
  GaussianNoise noise;
  noise.setKey({3});
  for (const Case& one : cases()) {
    CorrelatedNoise whole(one.recurrence, count), parts(one.recurrence, count);
    EXPECT_EQ(draw(whole, noise, count, count), draw(parts, noise, count, 2 * kBlock)) << one.name;
  }
}

TEST(CorrelatedNoise, GoesOnFromItsMemory) {
  const int64_t count = kBlock + 3;
  GaussianNoise noise;
  noise.setKey({4});
  for (const Case& one : cases()) {
    CorrelatedNoise first(one.recurrence, count), second(one.recurrence, count);
    draw(first, noise, count, count);
    for (int b = 0; b < first.buffers(); ++b) std::copy_n(first.buffer(b), count, second.buffer(b));
    EXPECT_EQ(draw(first, noise, count, count), draw(second, noise, count, count)) << one.name;
    if (first.buffers() == 0) continue;
    first.forget();
    CorrelatedNoise fresh(one.recurrence, count);
    EXPECT_EQ(draw(first, noise, count, count), draw(fresh, noise, count, count)) << one.name;
  }
}

TEST(CorrelatedNoise, RefusesARecurrenceThatIsNone) {
  EXPECT_THROW(CorrelatedNoise({true, 1, {0.1f, 0.2f}, {0.5f}}, 4), std::invalid_argument);
  EXPECT_THROW(CorrelatedNoise({false, 1, {0.1f}, {0.5f}}, 4), std::invalid_argument);
}

}  // namespace
}  // namespace hushgrad
