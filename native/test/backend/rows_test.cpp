// Norms, weighted sums, scaling, bias and Gram sums of the CPU backend against float64.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/backend.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

const int64_t kWidths[] = {1, 2, 3, 5, 8, 15, 16, 17, 31, 64, 100, 1027, 2048, 4099};

TEST(Rows, SquaredNormsBoundTheExactOnes) {
  for (int64_t columns : kWidths) {
    const int64_t rows = 3, stride = columns + 2;
    const auto x = normalFloats(rows * stride, 1);
    std::vector<double> sums{1, 10, 100};
    cpuBackend().addSquaredNorms(rows, columns, x.data(), stride, sums.data());
    for (int64_t b = 0; b < rows; ++b) {
      double want = b == 0 ? 1 : b == 1 ? 10 : 100;
      for (int64_t c = 0; c < columns; ++c) want += static_cast<double>(x[b * stride + c]) * x[b * stride + c];
      EXPECT_PRED2(boundsFromAbove, sums[b], want);
    }
  }
}

TEST(Rows, SquaredNormsLoseNothingOverMillions) {
  const int64_t columns = 3000001;
  const std::vector<float> x(static_cast<size_t>(columns), 0.1f);  // equal terms round alike: the worst of cases
  double sum = 0;
  cpuBackend().addSquaredNorms(1, columns, x.data(), columns, &sum);
  const double want = static_cast<double>(0.1f) * 0.1f * columns;
  EXPECT_NEAR(sum, want, 1e-6 * want);
}

TEST(Rows, SquaredNormsOfHugeValuesStayFinite) {
  const std::vector<float> x(37, 1e30f);
  double sum = 0;
  cpuBackend().addSquaredNorms(1, 37, x.data(), 37, &sum);
  EXPECT_NEAR(sum, 37e60, 1e-6 * 37e60);
}

TEST(Rows, WeightedRows) {
  for (int64_t columns : kWidths) {
    for (int64_t rows = 0; rows <= 19; ++rows) {
      const int64_t stride = columns + 1;
      const auto x = normalFloats(rows * stride, 1), factors = normalFloats(rows, 2);
      const auto before = normalFloats(columns, 3);
      for (const float* f : {factors.data(), static_cast<const float*>(nullptr)}) {
        auto sum = before;
        cpuBackend().addWeightedRows(rows, columns, x.data(), stride, f, sum.data());
        for (int64_t c = 0; c < columns; ++c) {
          double want = before[c], magnitude = std::abs(before[c]);
          for (int64_t b = 0; b < rows; ++b) {
            const double term = (f ? f[b] : 1.0) * x[b * stride + c];
            want += term, magnitude += std::abs(term);
          }
          ASSERT_NEAR(sum[c], want, 1e-6 * magnitude) << rows << " rows of " << columns;
        }
      }
    }
  }
}

TEST(Rows, ARowOfFactorZeroIsNotRead) {
  const int64_t rows = 11, columns = 21;
  auto x = normalFloats(rows * columns, 1), factors = normalFloats(rows, 2);
  std::vector<float> want(static_cast<size_t>(columns), 0.0f);
  factors[4] = 0, factors[10] = -0.0f;
  cpuBackend().addWeightedRows(rows, columns, x.data(), columns, factors.data(), want.data());
  std::fill_n(x.begin() + 4 * columns, columns, NAN);
  std::fill_n(x.begin() + 10 * columns, columns, INFINITY);
  std::vector<float> sum(static_cast<size_t>(columns), 0.0f);
  cpuBackend().addWeightedRows(rows, columns, x.data(), columns, factors.data(), sum.data());
  EXPECT_EQ(sum, want);
}

TEST(Rows, ScalingByZeroClearsEvenNan) {
  const int64_t rows = 3, columns = 21;
  auto x = normalFloats(rows * columns, 1);
  std::fill_n(x.begin() + columns, columns, NAN);
  const std::vector<float> factors{2.0f, 0.0f, -0.5f};
  std::vector<float> y(x.size(), 7.0f);
  cpuBackend().scaleRows(rows, columns, factors.data(), x.data(), y.data());
  for (int64_t b = 0; b < rows; ++b)
    for (int64_t c = 0; c < columns; ++c)
      EXPECT_EQ(y[b * columns + c], b == 1 ? 0.0f : factors[b] * x[b * columns + c]);
  cpuBackend().scaleRows(rows, columns, factors.data(), x.data(), x.data());
  EXPECT_EQ(x, y);
}

TEST(Rows, ProductsAndCopies) {
  for (int64_t columns : kWidths) {
    const auto a = normalFloats(columns, 1), b = normalFloats(columns, 2);
    auto product = a;
    cpuBackend().multiply(columns, product.data(), b.data(), product.data());
    for (int64_t c = 0; c < columns; ++c) ASSERT_EQ(product[c], a[c] * b[c]);

    const auto x = normalFloats(3 * (columns + 2), 3);
    std::vector<float> y(static_cast<size_t>(3 * (columns + 5)));
    cpuBackend().fill(3 * (columns + 5), -1.5f, y.data());
    cpuBackend().copyRows(3, columns, x.data(), columns + 2, y.data(), columns + 5);
    for (int64_t i = 0; i < 3 * (columns + 5); ++i) {
      const int64_t row = i / (columns + 5), column = i % (columns + 5);
      ASSERT_EQ(y[i], column < columns ? x[row * (columns + 2) + column] : -1.5f);
    }
  }
}

TEST(Rows, MixedRowsAreSparseProducts) {
  const std::vector<int32_t> begins = {0, 2, 2, 5}, rows = {3, 0, 1, 2, 3};
  const std::vector<float> weights = {0.5f, -2, 1, 0.25f, 3};
  const Backend::RowMixture mixture = {4, 3, begins.data(), rows.data(), weights.data()};
  for (int64_t columns : kWidths) {
    const auto x = normalFloats(2 * 4 * columns, 1);
    std::vector<float> y(static_cast<size_t>(2 * 3 * columns), NAN);
    cpuBackend().mixRows(mixture, 2, columns, x.data(), y.data());
    for (int64_t block = 0; block < 2; ++block) {
      for (int64_t c = 0; c < columns; ++c) {
        auto in = [&](int64_t row) { return static_cast<double>(x[(block * 4 + row) * columns + c]); };
        auto out = [&](int64_t row) { return y[(block * 3 + row) * columns + c]; };
        ASSERT_NEAR(out(0), 0.5 * in(3) - 2 * in(0), 1e-5);
        ASSERT_EQ(out(1), 0);
        ASSERT_NEAR(out(2), in(1) + 0.25 * in(2) + 3 * in(3), 1e-5);
      }
    }
  }
}

TEST(Rows, AddAndBias) {
  for (int64_t columns : kWidths) {
    const auto bias = normalFloats(columns, 1), before = normalFloats(3 * columns, 2);
    auto y = before;
    cpuBackend().addBias(3, columns, bias.data(), y.data());
    for (int64_t i = 0; i < 3 * columns; ++i) EXPECT_EQ(y[i], before[i] + bias[i % columns]);
    auto total = before;
    cpuBackend().add(3 * columns, y.data(), total.data());
    for (int64_t i = 0; i < 3 * columns; ++i) EXPECT_EQ(total[i], before[i] + y[i]);
  }
}

TEST(Rows, SumOverPositions) {
  for (int64_t columns : {1, 3, 10, 16, 33}) {
    for (int64_t positions : {1, 2, 63, 64, 65, 1000, 40000}) {
      const int64_t examples = 2, stride = columns + 3;
      auto x = normalFloats(examples * positions * columns, 1);
      for (float& value : x) value += 3;
      std::vector<float> y(static_cast<size_t>(examples * stride), 7.0f);
      cpuBackend().sumPositions(examples, positions, columns, x.data(), y.data(), stride);
      for (int64_t b = 0; b < examples; ++b) {
        for (int64_t c = 0; c < columns; ++c) {
          double want = 0;
          for (int64_t p = 0; p < positions; ++p) want += x[(b * positions + p) * columns + c];
          EXPECT_NEAR(y[b * stride + c], want, 1e-6 * std::abs(want) + 1e-6);
        }
        EXPECT_EQ(y[b * stride + columns], 7.0f);
      }
    }
  }
}

TEST(Rows, GramSumsComeWithTheSizeOfTheirTerms) {
  for (int64_t count : kWidths) {
    const auto p = normalFloats(count, 1), q = normalFloats(count, 2);
    double total = -1, magnitude = -1, wantTotal = 0, wantMagnitude = 0;
    cpuBackend().dotWithMagnitude(count, p.data(), q.data(), &total, &magnitude);
    for (int64_t i = 0; i < count; ++i) {
      wantTotal += static_cast<double>(p[i]) * q[i];
      wantMagnitude += std::abs(static_cast<double>(p[i]) * q[i]);
    }
    EXPECT_NEAR(total, wantTotal, 1e-13 * wantMagnitude);
    EXPECT_NEAR(magnitude, wantMagnitude, 1e-13 * wantMagnitude);
  }
}

TEST(Rows, DotsWithSumsOfRowsAreAdded) {
  for (int64_t count : kWidths) {
    for (int64_t rows : {0, 1, 2, 9}) {
      const auto p = normalFloats(count, 1), q = normalFloats(count + rows, 2);
      std::vector<const float*> row;
      for (int64_t r = 0; r < rows; ++r) row.push_back(q.data() + r);
      double total = 3, magnitude = 5, wantTotal = 3, wantMagnitude = 5;
      cpuBackend().addDotWithSum(count, p.data(), rows, row.data(), &total, &magnitude);
      for (int64_t i = 0; i < count; ++i) {
        double sum = 0;
        for (int64_t r = 0; r < rows; ++r) sum += row[r][i];
        wantTotal += p[i] * sum;
        wantMagnitude += std::abs(p[i] * sum);
      }
      EXPECT_NEAR(total, wantTotal, 1e-6 * wantMagnitude);
      EXPECT_NEAR(magnitude, wantMagnitude, 1e-6 * wantMagnitude);
    }
  }
}

}  // namespace
}  // namespace hushgrad
