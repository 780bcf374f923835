// Clipping of written-out gradients: against float64, against each other, and what must hold for hostile rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "backend/cpu/typed_rows.h"
#include "clipping/clipping.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

enum class Way { fused, separate };

struct Clipped {
  std::vector<double> squaredNorms;
  std::vector<float> factors, sum;
};

Clipped clip(Way way, const ClipFunction& function, double threshold, std::vector<float> gradients, int64_t examples,
             int64_t columns, int64_t stride) {
  Clipped result{std::vector<double>(static_cast<size_t>(examples), -1),
                 std::vector<float>(static_cast<size_t>(examples), -1),
                 std::vector<float>(static_cast<size_t>(columns))};
  const RowClipping rows{
      &function,        threshold, examples, columns, stride, result.squaredNorms.data(), result.factors.data(),
      result.sum.data()};
  if (way == Way::fused) clipRowsFused(rows, gradients.data());
  if (way == Way::separate) clipRowsSeparate(rows, gradients.data());
  return result;
}

Clipped clip(Way way, const std::string& function, const std::vector<float>& gradients, int64_t examples) {
  const int64_t columns = static_cast<int64_t>(gradients.size()) / examples;
  return clip(way, *makeClipFunction(function, {}), 1, gradients, examples, columns, columns);
}

struct ExactSum {
  std::vector<double> sum;
  double squaredTerms = 0;  // Σ ‖factor·g‖², the size of what rounding may touch
};

ExactSum exactSum(const ClipFunction& function, double threshold, const std::vector<float>& gradients, int64_t examples,
                  int64_t columns, int64_t stride) {
  ExactSum exact{std::vector<double>(static_cast<size_t>(columns))};
  for (int64_t b = 0; b < examples; ++b) {
    const std::vector<double> row = toDoubles(gradients.data() + b * stride, columns);
    const double factor = function.factor(std::sqrt(squaredNorm(row)), threshold);
    for (size_t c = 0; c < row.size(); ++c) exact.sum[c] += factor * row[c];
    exact.squaredTerms += factor * factor * squaredNorm(row);
  }
  return exact;
}

class RowsTest : public testing::TestWithParam<Way> {};

// Example counts that leave remainders of every group size; columns that leave remainders of every vector.
TEST_P(RowsTest, MatchFloat64) {
  const auto autoS = makeClipFunction("autoS", {});
  for (int64_t columns : {1, 7, 64, 1021, 40000}) {
    for (int64_t examples : {0, 1, 2, 3, 5, 8, 15}) {
      const int64_t stride = columns + 3;
      const std::vector<float> gradients = normalFloats(examples * stride, 1);
      const Clipped got = clip(GetParam(), *autoS, 0.7, gradients, examples, columns, stride);
      const ExactSum want = exactSum(*autoS, 0.7, gradients, examples, columns, stride);
      std::vector<double> error = toDoubles(got.sum.data(), columns);
      for (size_t c = 0; c < error.size(); ++c) error[c] -= want.sum[c];
      EXPECT_LE(squaredNorm(error), 4e-12 * want.squaredTerms) << columns << " " << examples;
      for (int64_t b = 0; b < examples; ++b) {
        const double square = squaredNorm(toDoubles(gradients.data() + b * stride, columns));
        EXPECT_PRED2(boundsFromAbove, got.squaredNorms[static_cast<size_t>(b)], square);
      }
    }
  }
}

// What one example adds, as float32 really has it, is never longer than its threshold.
TEST_P(RowsTest, NoExampleAddsMoreThanTheThreshold) {
  for (int64_t columns : {1, 2, 19, 1000, 1000000}) {
    const std::vector<float> shape = normalFloats(columns, static_cast<uint32_t>(columns));
    const float largest = std::abs(
        *std::max_element(shape.begin(), shape.end(), [](float a, float b) { return std::abs(a) < std::abs(b); }));
    std::vector<double> sizes{1e-45, 1e-40, 1e-30, 1e-20, 1e-10, 1e-4, 1, 3.3, 1e7, 1e18, 1e20, 1e30, 1e38, 3.4e38};
    if (columns == 1000000) sizes = {1e-42, 1e-3, 1, 3.4e38};
    for (double size : sizes) {
      std::vector<float> row(shape.size());
      for (size_t c = 0; c < row.size(); ++c) row[c] = static_cast<float>(shape[c] / largest * size);
      for (const char* name : {"abadi", "autoS", "autoV"}) {
        const auto function = makeClipFunction(name, {});
        for (double threshold : {1e-3, 1.0, 1e4}) {
          const Clipped got = clip(GetParam(), *function, threshold, row, 1, columns, columns);
          const double norm = std::sqrt(squaredNorm(toDoubles(got.sum.data(), columns)));
          ASSERT_LE(norm, threshold) << name << ", size " << size << ", columns " << columns;
        }
      }
    }
  }
}

TEST_P(RowsTest, LeaveOutRowsThatAreNotFinite) {
  const int64_t columns = 333, examples = 11;
  const std::vector<float> good = normalFloats(examples * columns, 5);
  // Every pattern of bad rows within a group, and groups that are bad throughout.
  for (unsigned bad = 0; bad < 1u << examples; bad += 37) {
    std::vector<float> gradients = good, kept = good;
    for (int64_t b = 0; b < examples; ++b) {
      if (!(bad >> b & 1)) continue;
      float* row = gradients.data() + b * columns;
      row[b % 3 == 0 ? columns - 1 : b] = b % 2 ? kNaN : b % 4 ? kInfinity : -kInfinity;
      std::fill_n(kept.begin() + b * columns, columns, 0.0f);
    }
    const Clipped got = clip(GetParam(), "abadi", gradients, examples);
    const Clipped want = clip(GetParam(), "abadi", kept, examples);
    ASSERT_EQ(got.sum, want.sum) << "rows " << bad;
    for (int64_t b = 0; b < examples; ++b) {
      if (bad >> b & 1) {
        ASSERT_EQ(got.factors[static_cast<size_t>(b)], 0);
        ASSERT_FALSE(std::isfinite(got.squaredNorms[static_cast<size_t>(b)]));
      }
    }
  }
}

TEST_P(RowsTest, AddToTheSumAndIgnoreZeroGradients) {
  const std::vector<float> row{3, 4};
  for (const char* name : {"abadi", "autoS", "autoV"}) {
    const Clipped alone = clip(GetParam(), name, row, 1);
    EXPECT_EQ(clip(GetParam(), name, {3, 4, 0, 0}, 2).sum, alone.sum);
    EXPECT_EQ(clip(GetParam(), name, {0, 0, 3, 4}, 2).sum, alone.sum);
  }
  const auto abadi = makeClipFunction("abadi", {});
  std::vector<float> gradients = row, sum{10, 20};
  double square = 0;
  float factor = 0;
  const RowClipping rows{abadi.get(), 5, 1, 2, 2, &square, &factor, sum.data()};
  if (GetParam() == Way::fused) clipRowsFused(rows, gradients.data());
  if (GetParam() == Way::separate) clipRowsSeparate(rows, gradients.data());
  EXPECT_NEAR(sum[0], 13, 1e-5);
  EXPECT_NEAR(sum[1], 24, 1e-5);
}

// Weights multiply clipped rows: the sum of single rows, each times its weight.
TEST_P(RowsTest, WeightTheClippedRows) {
  const int64_t columns = 37, examples = 9;
  const std::vector<float> gradients = normalFloats(examples * columns, 8);
  const std::vector<float> weights{0.5f, 0, 2, 1, 0.25f, 0, 3, 1e-3f, 1};
  const auto function = makeClipFunction("autoV", {});
  std::vector<double> want(static_cast<size_t>(columns));
  for (int64_t b = 0; b < examples; ++b) {
    const std::vector<float> row(gradients.begin() + b * columns, gradients.begin() + (b + 1) * columns);
    const Clipped alone = clip(GetParam(), *function, 1, row, 1, columns, columns);
    for (size_t c = 0; c < want.size(); ++c) want[c] += weights[static_cast<size_t>(b)] * double{alone.sum[c]};
  }
  std::vector<float> rows = gradients, factors(weights.size()), sum(want.size());
  std::vector<double> squares(weights.size());
  const RowClipping call{function.get(), 1,          examples,      columns, columns, squares.data(),
                         factors.data(), sum.data(), weights.data()};
  if (GetParam() == Way::fused) clipRowsFused(call, rows.data());
  if (GetParam() == Way::separate) clipRowsSeparate(call, rows.data());
  for (size_t c = 0; c < want.size(); ++c) EXPECT_NEAR(sum[c], want[c], 2e-6);
}

INSTANTIATE_TEST_SUITE_P(Ways, RowsTest, testing::Values(Way::fused, Way::separate),
                         [](const auto& info) { return info.param == Way::fused ? "fused" : "separate"; });

// Chunk by chunk or all at once: the same bits, for every size of group.
TEST(RowsFused, DoNotDependOnTheGrouping) {
  for (int64_t columns : {100, 70000, 300000, 700000}) {
    const int64_t examples = columns > 100 ? 9 : 13;
    const std::vector<float> gradients = normalFloats(examples * columns, 3);
    const auto function = makeClipFunction("abadi", {});
    const Clipped whole = clip(Way::fused, *function, 1, gradients, examples, columns, columns);
    Clipped parts = whole;
    std::fill(parts.sum.begin(), parts.sum.end(), 0.0f);
    for (int64_t first = 0, size = 1; first < examples; first += size, size = size % 3 + 1) {
      size = std::min(size, examples - first);
      clipRowsFused({function.get(), 1, size, columns, columns, parts.squaredNorms.data() + first,
                     parts.factors.data() + first, parts.sum.data()},
                    gradients.data() + first * columns);
    }
    EXPECT_EQ(whole.sum, parts.sum) << columns;
    EXPECT_EQ(whole.squaredNorms, parts.squaredNorms) << columns;
  }
}

TEST(TypedRows, TakeMoreRowsAtOnceWhereTheyFitOrWhereNothingDoes) {
  EXPECT_EQ(cpu::rowsAGroup(100), cpu::kMostRowsAtOnce);
  EXPECT_EQ(cpu::rowsAGroup(int64_t{1} << 40), cpu::kMostRowsAtOnce);
  for (int64_t columns = 1; columns < int64_t{1} << 30; columns *= 3) {
    const int rows = cpu::rowsAGroup(columns);
    EXPECT_TRUE(rows == 1 || rows == 2 || rows == 4);
  }
}

TEST(TypedRows, GiveTheSameBitsForEveryNumberOfRows) {
  const int64_t columns = 1037;
  const std::vector<float> x = normalFloats(8 * columns, 7);
  const std::vector<float> factors = normalFloats(8, 8);
  std::vector<std::vector<float>> sums;
  std::vector<std::vector<double>> norms;
  for (int rows : {1, 2, 4}) {
    std::vector<float> sum = normalFloats(columns, 9);
    std::vector<double> squares(8);
    for (int first = 0; first < 8; first += rows) {
      std::vector<const void*> pointers;
      for (int r = 0; r < rows; ++r) pointers.push_back(x.data() + (first + r) * columns);
      const cpu::TypedRows group{rows, columns, pointers.data()};
      cpu::takeSquaredNorms(group, squares.data() + first);
      cpu::addTypedRows(group, factors.data() + first, sum.data());
    }
    sums.push_back(sum);
    norms.push_back(squares);
  }
  for (size_t i = 1; i < sums.size(); ++i) {
    EXPECT_EQ(sums[0], sums[i]);
    EXPECT_EQ(norms[0], norms[i]);
  }
}

// Magnitudes at which squares overflow float32, fall among its denormals, or both in one row.
TEST(TypedRows, NormsAreNeverBelowTheExactOnes) {
  const int64_t columns = 4096 + 5;
  const std::vector<float> shape = normalFloats(columns, 4);
  for (double odd : {1.0, 1e-30, 1e30}) {
    for (double size : {1e-44, 1e-38, 1e-24, 1e-21, 1e-19, 1e-18, 1e-10, 1.0, 1e10, 1e18, 1e19, 1e21, 1e30, 1e37}) {
      std::vector<float> row(shape.size());
      for (size_t c = 0; c < row.size(); ++c) row[c] = static_cast<float>(shape[c] * size);
      row[columns / 2] = static_cast<float>(std::min(size * odd, 1e38));
      const void* pointer = row.data();
      double square = 0;
      cpu::takeSquaredNorms({1, columns, &pointer}, &square);
      const double exact = squaredNorm(toDoubles(row.data(), columns));
      EXPECT_PRED2(boundsFromAbove, square, exact) << size << " " << odd;
    }
  }
}

}  // namespace
}  // namespace hushgrad
