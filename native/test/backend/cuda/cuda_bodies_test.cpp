// The bodies of the CUDA kernels, run by the CPU over loops: against the CPU's own kernels and against float64. What a
// GPU adds (its compiler, real concurrency) is for cuda_device_test.cpp.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "clipping/clipping.h"
#include "test/backend/cuda/rows_on_host.h"
#include "test/support/numbers.h"

namespace hushgrad::cuda {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Several groups of rows, with slices and without.
const Hardware kSmall{4 * 3000, 1}, kLarge{int64_t{50} << 20, 132};

std::vector<uint32_t> randomMask(int64_t columns, double rate) {
  const std::vector<float> draw = normalFloats(columns, 77);
  std::vector<uint32_t> mask(static_cast<size_t>(quotientUp(columns, 32)));
  for (int64_t c = 0; c < columns; ++c) {
    const bool kept = std::erfc(draw[static_cast<size_t>(c)] / std::sqrt(2.0)) / 2 >= rate;
    mask[static_cast<size_t>(c / 32)] |= static_cast<uint32_t>(kept) << (c % 32);
  }
  return mask;
}

Clipped clipOnCpu(const std::vector<float>& values, int64_t rows, int64_t columns, const std::string& name,
                  double threshold, float start = 0) {
  const auto function = makeClipFunction(name, {});
  Clipped result{std::vector<double>(static_cast<size_t>(rows)), std::vector<float>(static_cast<size_t>(rows)),
                 std::vector<float>(static_cast<size_t>(columns), start)};
  clipRowsFused({function.get(), threshold, rows, columns, columns, result.squaredNorms.data(), result.factors.data(),
                 result.sum.data()},
                values.data());
  return result;
}

void expectSame(const Clipped& got, const Clipped& want, const std::string& what) {
  for (size_t b = 0; b < want.factors.size(); ++b) {
    if (!std::isfinite(want.squaredNorms[b])) {
      EXPECT_FALSE(std::isfinite(got.squaredNorms[b])) << what << ", row " << b;
      EXPECT_EQ(got.factors[b], 0) << what << ", row " << b;
      continue;
    }
    // The GPU squares in float64; the CPU's norms lie above the exact ones by up to 1e-6.
    EXPECT_PRED2(boundsFromAbove, want.squaredNorms[b], got.squaredNorms[b]) << what << ", row " << b;
    EXPECT_NEAR(got.factors[b], want.factors[b], 7e-7 * want.factors[b]) << what << ", row " << b;
  }
  EXPECT_LE(relativeError(toDoubles(got.sum.data(), static_cast<int64_t>(got.sum.size())),
                          toDoubles(want.sum.data(), static_cast<int64_t>(want.sum.size()))),
            1e-6)
      << what;
}

template <class Element>
class CudaRows : public testing::Test {};
using Elements = testing::Types<float, Bfloat16, Float16>;
TYPED_TEST_SUITE(CudaRows, Elements);

const int64_t kWidths[] = {1, 2, 3, 7, 8, 9, 31, 32, 33, 100, 1023, 1024, 1025, 2048, 5001, 40007};

TYPED_TEST(CudaRows, ClipAsTheCpuDoes) {
  for (int64_t columns : kWidths) {
    const std::vector<uint32_t> mask = randomMask(columns, 0.3);
    for (int64_t rows : {0, 1, 2, 5, 13}) {
      const Gradients<TypeParam> gradients(rows, columns, normalFloats(rows * columns, 1));
      for (const uint32_t* bits : {static_cast<const uint32_t*>(nullptr), mask.data()}) {
        const Clipped want = clipOnCpu(gradients.floats(bits), rows, columns, "autoS", 0.7, 0.25f);
        for (const Hardware& hardware : {kSmall, kLarge}) {
          const ClipRule rule = clipRule("autoS", 0.7, {});
          const Clipped got = clipOnHost(gradients, bits, rule, hardware, Order::ascending, 0.25f);
          expectSame(got, want, std::to_string(rows) + " rows of " + std::to_string(columns));
        }
      }
    }
  }
}

TYPED_TEST(CudaRows, DoNotDependOnTheOrderOfThreadsAndBlocks) {
  for (int64_t columns : {1, 333, 9000}) {
    const int64_t rows = 37;
    const Gradients<TypeParam> gradients(rows, columns, normalFloats(rows * columns, 2));
    for (const Hardware& hardware : {kSmall, kLarge}) {
      const Clipped up = clipOnHost(gradients, nullptr, clipRule("abadi", 1, {}), hardware, Order::ascending);
      const Clipped down = clipOnHost(gradients, nullptr, clipRule("abadi", 1, {}), hardware, Order::descending);
      EXPECT_EQ(up.sum, down.sum);
      EXPECT_EQ(up.squaredNorms, down.squaredNorms);
      EXPECT_EQ(up.factors, down.factors);
    }
  }
}

// Without slices rows are added in order with one rounding each, as on the CPU: the same bits, where the factors are.
TYPED_TEST(CudaRows, AddWithTheCpusBits) {
  const int64_t rows = 23, columns = 4099;
  const Gradients<TypeParam> gradients(rows, columns, normalFloats(rows * columns, 3));
  // Thresholds above every norm: all factors are 1 − 2⁻²⁰.
  const Clipped want = clipOnCpu(gradients.floats(nullptr), rows, columns, "abadi", 1e6, 0.5f);
  const Clipped got = clipOnHost(gradients, nullptr, clipRule("abadi", 1e6, {}), {4 * 3000, 0}, Order::ascending, 0.5f);
  EXPECT_EQ(got.factors, want.factors);
  EXPECT_EQ(got.sum, want.sum);
}

TYPED_TEST(CudaRows, LeaveOutRowsThatAreNotFinite) {
  const int64_t rows = 11, columns = 1333;
  const std::vector<float> good = normalFloats(rows * columns, 5);
  for (unsigned bad = 0; bad < 1u << rows; bad += 149) {
    std::vector<float> values = good, zeroed = good;
    for (int64_t b = 0; b < rows; ++b) {
      if (!(bad >> b & 1)) continue;
      values[static_cast<size_t>(b * columns + (b % 3 == 0 ? columns - 1 : b))] = b % 2 ? kNaN : kInfinity;
      std::fill_n(zeroed.begin() + b * columns, columns, 0.0f);
    }
    for (const Hardware& hardware : {kSmall, kLarge}) {
      const ClipRule rule = clipRule("abadi", 1, {});
      const Gradients<TypeParam> hostile(rows, columns, values), harmless(rows, columns, zeroed);
      const Clipped got = clipOnHost(hostile, nullptr, rule, hardware, Order::ascending);
      ASSERT_EQ(got.sum, clipOnHost(harmless, nullptr, rule, hardware, Order::ascending).sum) << "rows " << bad;
      for (int64_t b = 0; b < rows; ++b) {
        EXPECT_TRUE(got.factors[static_cast<size_t>(b)] == 0 || !(bad >> b & 1)) << b;
      }
    }
  }
}

// What the mask drops counts nowhere, whatever it holds.
TYPED_TEST(CudaRows, DroppedCoordinatesMayHoldAnything) {
  const int64_t rows = 5, columns = 777;
  const std::vector<uint32_t> mask = randomMask(columns, 0.5);
  std::vector<float> values = normalFloats(rows * columns, 6);
  const Gradients<TypeParam> harmless(rows, columns, values);
  for (int64_t b = 0; b < rows; ++b) {
    for (int64_t c = 0; c < columns; ++c) {
      const bool kept = (mask[static_cast<size_t>(c / 32)] >> (c % 32) & 1) != 0;
      if (!kept) values[static_cast<size_t>(b * columns + c)] = c % 2 ? kNaN : kInfinity;
    }
  }
  Gradients<TypeParam> hostile(rows, columns, values);
  const ClipRule rule = clipRule("autoV", 1, {});
  const Clipped got = clipOnHost(hostile, mask.data(), rule, kLarge, Order::ascending);
  const Clipped want = clipOnHost(harmless, mask.data(), rule, kLarge, Order::ascending);
  EXPECT_EQ(got.sum, want.sum);
  EXPECT_EQ(got.factors, want.factors);

  const RowPlan plan = planRows<TypeParam>(rows, columns, hostile.stride, mask.data(), kLarge);
  HostExecutor executor;
  sparsify(executor, plan, hostile.data.data(), rows);
  EXPECT_EQ(hostile.floats(nullptr), harmless.floats(mask.data()));
}

TYPED_TEST(CudaRows, SquaredNormsAlone) {
  for (int64_t columns : kWidths) {
    const int64_t rows = 7;
    const Gradients<TypeParam> gradients(rows, columns, normalFloats(rows * columns, 8));
    const RowPlan plan = planRows<TypeParam>(rows, columns, gradients.stride, nullptr, kSmall);
    Aligned<double> partials(plan.partials());
    std::vector<double> got(static_cast<size_t>(rows), -1);
    HostExecutor executor;
    squaredNorms(executor, plan, Rows<TypeParam>{gradients.data.data(), rows}, {{partials.data(), nullptr}, nullptr},
                 got.data());
    const std::vector<float> floats = gradients.floats(nullptr);
    for (int64_t b = 0; b < rows; ++b) {
      const double want = squaredNorm(toDoubles(floats.data() + b * columns, columns));
      EXPECT_NEAR(got[static_cast<size_t>(b)], want, 1e-13 * want) << columns;
    }
  }
}

// What one example adds, as float32 really has it, is never longer than its threshold.
TYPED_TEST(CudaRows, NoExampleAddsMoreThanTheThreshold) {
  for (int64_t columns : {1, 2, 19, 1000, 30000}) {
    const std::vector<float> shape = normalFloats(columns, static_cast<uint32_t>(columns));
    for (double size : {1e-45, 1e-40, 1e-30, 1e-10, 1e-4, 1.0, 3.3, 1e4, 1e7, 1e20, 1e30, 1e37}) {
      std::vector<float> row(shape.size());
      for (size_t c = 0; c < row.size(); ++c) row[c] = static_cast<float>(shape[c] * size);
      const Gradients<TypeParam> gradients(1, columns, row);
      for (const char* name : {"abadi", "autoS", "autoV", "psac", "nsgd"}) {
        Attributes attributes;
        attributes.values["r"] = {0.1};
        for (double threshold : {1e-3, 1.0, 1e4}) {
          const Clipped got =
              clipOnHost(gradients, nullptr, clipRule(name, threshold, attributes), kSmall, Order::ascending);
          const double norm = std::sqrt(squaredNorm(toDoubles(got.sum.data(), columns)));
          ASSERT_LE(norm, threshold) << name << ", size " << size << ", columns " << columns;
        }
      }
    }
  }
}

TEST(CudaElements, BecomeFloatsExactly) {
  for (uint32_t bits = 0; bits < 1u << 16; ++bits) {
    const uint16_t narrow = static_cast<uint16_t>(bits);
    EXPECT_EQ(bitCast<uint32_t>(toFloat(Bfloat16{narrow})), bits << 16);
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float got = toFloat(Float16{narrow});
    ASSERT_EQ(std::signbit(got), bits >> 15 != 0) << bits;
    if (exponent == 31) {
      ASSERT_EQ(fraction == 0 ? std::isinf(got) : std::isnan(got), true) << bits;
      continue;
    }
    const double want = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    ASSERT_EQ(std::fabs(got), want) << bits;
  }
}

TEST(CudaPlan, FitsTheCacheTheBlocksAndTheSharedMemory) {
  for (int64_t columns = 1; columns < int64_t{1} << 31; columns = columns * 5 + 3) {
    for (int64_t rows : {1, 3, 256, 100000}) {
      const int64_t stride = quotientUp(columns, 16) * 16;
      const RowPlan plan = planRows<float>(rows, columns, stride, nullptr, kLarge);
      EXPECT_GE(plan.groupRows, 1);
      EXPECT_LE(plan.groupRows, std::min(rows, kMostRows));
      EXPECT_GE(plan.slices, 1);
      EXPECT_LE(plan.slices, plan.groupRows);
      EXPECT_LT(plan.groupRows * plan.shape.segments + plan.slices * plan.columnBlocks, INT32_MAX);
      const int64_t bytes = plan.groupRows * stride * 4;
      EXPECT_TRUE(bytes <= kLarge.cacheBytes / 4 || plan.groupRows <= 8) << columns;
    }
  }
}

}  // namespace
}  // namespace hushgrad::cuda
