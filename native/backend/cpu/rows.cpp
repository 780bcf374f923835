// Rows of memory: squared norms, weighted sums, scaling, bias. Most of them run at the speed of memory, so each reads
// its operand once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/rows.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>

#include "backend/cpu/loops-inl.h"
#include "backend/cpu/squares-inl.h"
// clang-format on

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "backend/cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace {

using Doubles = hn::ScalableTag<double>;
using HalfFloats = hn::Rebind<float, Doubles>;  // as many floats as a vector holds doubles

HWY_INLINE hn::Vec<Doubles> loadAsDouble(const float* x) {
  return hn::PromoteTo(Doubles(), hn::LoadU(HalfFloats(), x));
}

double squaredNorm(int64_t columns, const float* x) {
  double square;
  squaresFromAbove<1, 4>(
      columns, [x](auto d, int, int64_t c) HWY_ATTR { return hn::LoadU(d, x + c); }, &square);
  return square;
}

// What the mask leaves out may be anything, NaN included.
double maskedSquaredNorm(int64_t columns, const float* x, const uint8_t* mask) {
  double square;
  squaresFromAbove<1, 4>(
      columns,
      [x, mask](auto d, int, int64_t c)
          HWY_ATTR { return hn::IfThenElseZero(maskAt(d, mask, c), hn::LoadU(d, x + c)); },
      &square);
  return square;
}

void addSquaredNormsVector(int64_t rows, int64_t columns, const float* x, int64_t stride, double* sums,
                           const uint8_t* mask) {
  for (int64_t b = 0; b < rows; ++b) {
    const float* row = x + b * stride;
    sums[b] += mask == nullptr ? squaredNorm(columns, row) : maskedSquaredNorm(columns, row, mask);
  }
}

void dotWithMagnitudeVector(int64_t count, const float* p, const float* q, double* total, double* magnitude) {
  const Doubles d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum0 = hn::Zero(d), sum1 = sum0, size0 = sum0, size1 = sum0;
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const auto product0 = hn::Mul(loadAsDouble(p + i), loadAsDouble(q + i));
    const auto product1 = hn::Mul(loadAsDouble(p + i + lanes), loadAsDouble(q + i + lanes));
    sum0 = hn::Add(sum0, product0);
    sum1 = hn::Add(sum1, product1);
    size0 = hn::Add(size0, hn::Abs(product0));
    size1 = hn::Add(size1, hn::Abs(product1));
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  double size = hn::GetLane(hn::SumOfLanes(d, hn::Add(size0, size1)));
  for (; i < count; ++i) {
    const double product = static_cast<double>(p[i]) * q[i];
    sum += product;
    size += std::abs(product);
  }
  *total = sum;
  *magnitude = size;
}

void addDotWithSumVector(int64_t count, const float* p, int64_t rows, const float* const* row, double* total,
                         double* magnitude) {
  const HalfFloats half;
  const Doubles d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d), size = sum;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto q = hn::Zero(half);
    for (int64_t r = 0; r < rows; ++r) q = hn::Add(q, hn::LoadU(half, row[r] + i));
    const auto product = hn::Mul(loadAsDouble(p + i), hn::PromoteTo(d, q));
    sum = hn::Add(sum, product);
    size = hn::Add(size, hn::Abs(product));
  }
  *total += hn::GetLane(hn::SumOfLanes(d, sum));
  *magnitude += hn::GetLane(hn::SumOfLanes(d, size));
  for (; i < count; ++i) {
    float q = 0;
    for (int64_t r = 0; r < rows; ++r) q += row[r][i];
    const double product = static_cast<double>(p[i]) * q;
    *total += product;
    *magnitude += std::abs(product);
  }
}

// ---- Weighted sums of rows. Several rows go through one pass over `sum`, block by block of columns, so that the rows
// are read once and `sum` stays in the first-level cache.

constexpr int kRowsAPass = 8;
constexpr int64_t kBlockColumns = 2048;  // 8 KB of `sum`, beside 8 streams of rows

struct Rows {
  int count = 0;
  std::array<const float*, kRowsAPass> data;
  std::array<float, kRowsAPass> factors;
};

// `rows` by value: a local copy cannot alias `sum`, so that pointers and factors stay in registers.
template <int kRows>
HWY_INLINE void addRows(int64_t columns, const Rows rows, float* sum) {
  forEachLane(static_cast<size_t>(columns), [&](auto d, size_t c) HWY_ATTR {
    auto total = hn::LoadU(d, sum + c);
    for (int r = 0; r < kRows; ++r)
      total = hn::MulAdd(hn::Set(d, rows.factors[r]), hn::LoadU(d, rows.data[r] + c), total);
    hn::StoreU(total, d, sum + c);
  });
}

void addRowsOf(const Rows& rows, int64_t columns, float* sum) {
  switch (rows.count) {
    case 1:
      return addRows<1>(columns, rows, sum);
    case 2:
      return addRows<2>(columns, rows, sum);
    case 3:
      return addRows<3>(columns, rows, sum);
    case 4:
      return addRows<4>(columns, rows, sum);
    case 5:
      return addRows<5>(columns, rows, sum);
    case 6:
      return addRows<6>(columns, rows, sum);
    case 7:
      return addRows<7>(columns, rows, sum);
    case 8:
      return addRows<8>(columns, rows, sum);
  }
}

void addWeightedRowsVector(int64_t rows, int64_t columns, const float* x, int64_t stride, const float* factors,
                           float* sum) {
  for (int64_t first = 0; first < columns; first += kBlockColumns) {
    const int64_t width = std::min(kBlockColumns, columns - first);
    Rows batch;
    for (int64_t b = 0; b < rows; ++b) {
      const float factor = factors ? factors[b] : 1.0f;
      if (factor == 0) continue;
      batch.data[batch.count] = x + b * stride + first;
      batch.factors[batch.count++] = factor;
      if (batch.count < kRowsAPass) continue;
      addRowsOf(batch, width, sum + first);
      batch.count = 0;
    }
    addRowsOf(batch, width, sum + first);
  }
}

float largestMagnitudeVector(int64_t count, const float* x) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto largest = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) largest = hn::Max(largest, hn::Abs(hn::LoadU(d, x + i)));
  float result = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (; i < count; ++i) result = std::max(result, std::abs(x[i]));
  return result;
}

void scaleRowVector(int64_t columns, float factor, const float* x, float* y) {
  forEachLane(static_cast<size_t>(columns), [&](auto d, size_t c) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::Set(d, factor), hn::LoadU(d, x + c)), d, y + c);
  });
}

void zeroCoarseVector(int64_t count, float* y) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto value = hn::LoadU(d, y + i);
    hn::StoreU(hn::IfThenElseZero(hn::Ge(hn::Abs(value), hn::Set(d, Backend::kLeastScaled)), value), d, y + i);
  });
}

void addVector(int64_t count, const float* x, float* y) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, y + i), hn::LoadU(d, x + i)), d, y + i);
  });
}

void multiplyVector(int64_t count, const float* a, const float* b, float* y) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  });
}

// Each output row in one pass: its total stays in a register while the rows it is made of go by.
void mixRowsVector(const Backend::RowMixture& mixture, int64_t blocks, int64_t columns, const float* x, float* y) {
  for (int64_t block = 0; block < blocks; ++block, x += mixture.inRows * columns) {
    for (int64_t i = 0; i < mixture.outRows; ++i, y += columns) {
      const int32_t first = mixture.begins[i], end = mixture.begins[i + 1];
      forEachLane(static_cast<size_t>(columns), [&](auto d, size_t c) HWY_ATTR {
        auto total = hn::Zero(d);
        for (int32_t k = first; k < end; ++k)
          total = hn::MulAdd(hn::Set(d, mixture.weights[k]), hn::LoadU(d, x + mixture.rows[k] * columns + c), total);
        hn::StoreU(total, d, y + c);
      });
    }
  }
}

void addBiasVector(int64_t rows, int64_t columns, const float* bias, float* y) {
  for (int64_t r = 0; r < rows; ++r) addVector(columns, bias, y + r * columns);
}

// ---- Sums over positions: float32 within short runs, the runs' sums added in float32 by pairs of levels, so that the
// error grows with the run's length and not with the number of positions.

constexpr int64_t kRun = 64;

void sumPositionsVector(int64_t examples, int64_t positions, int64_t columns, const float* x, float* y,
                        int64_t stride) {
  for (int64_t b = 0; b < examples; ++b) {
    const float* rows = x + b * positions * columns;
    float* out = y + b * stride;
    forEachLane(static_cast<size_t>(columns), [&](auto d, size_t c) HWY_ATTR {
      auto total = hn::Zero(d), correction = hn::Zero(d);
      for (int64_t first = 0; first < positions; first += kRun) {
        const int64_t end = std::min(first + kRun, positions);
        auto even = hn::Zero(d), odd = hn::Zero(d);
        int64_t p = first;
        for (; p + 2 <= end; p += 2) {
          even = hn::Add(even, hn::LoadU(d, rows + p * columns + static_cast<int64_t>(c)));
          odd = hn::Add(odd, hn::LoadU(d, rows + (p + 1) * columns + static_cast<int64_t>(c)));
        }
        if (p < end) even = hn::Add(even, hn::LoadU(d, rows + p * columns + static_cast<int64_t>(c)));
        // Kahan: the runs' sums add up as if in twice the precision.
        const auto term = hn::Sub(hn::Add(even, odd), correction);
        const auto next = hn::Add(total, term);
        correction = hn::Sub(hn::Sub(next, total), term);
        total = next;
      }
      hn::StoreU(total, d, out + c);
    });
  }
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(addSquaredNormsVector);
HWY_EXPORT(dotWithMagnitudeVector);
HWY_EXPORT(addDotWithSumVector);
HWY_EXPORT(addWeightedRowsVector);
HWY_EXPORT(largestMagnitudeVector);
HWY_EXPORT(scaleRowVector);
HWY_EXPORT(zeroCoarseVector);
HWY_EXPORT(addVector);
HWY_EXPORT(multiplyVector);
HWY_EXPORT(mixRowsVector);
HWY_EXPORT(addBiasVector);
HWY_EXPORT(sumPositionsVector);
}  // namespace

void addBias(int64_t rows, int64_t columns, const float* bias, float* y) {
  HWY_DYNAMIC_DISPATCH(addBiasVector)(rows, columns, bias, y);
}

void addSquaredNorms(int64_t rows, int64_t columns, const float* x, int64_t stride, double* sums, const uint8_t* mask) {
  HWY_DYNAMIC_DISPATCH(addSquaredNormsVector)(rows, columns, x, stride, sums, mask);
}

void addWeightedRows(int64_t rows, int64_t columns, const float* x, int64_t stride, const float* factors, float* sum) {
  HWY_DYNAMIC_DISPATCH(addWeightedRowsVector)(rows, columns, x, stride, factors, sum);
}

// A factor of 0 selects rather than multiplies: 0 · NaN would stay NaN.
// In float64: the product itself may be what does not fit.
static bool scalesSafely(float factor, float largest) {
  const double product = std::abs(static_cast<double>(factor) * largest);
  return product >= Backend::kLeastScaled && product <= Backend::kMostScaled;
}

void scaleRows(int64_t rows, int64_t columns, const float* factors, const float* x, float* y) {
  for (int64_t b = 0; b < rows; ++b) {
    const bool keeps = factors[b] != 0 &&
                       scalesSafely(factors[b], HWY_DYNAMIC_DISPATCH(largestMagnitudeVector)(columns, x + b * columns));
    if (keeps)
      HWY_DYNAMIC_DISPATCH(scaleRowVector)(columns, factors[b], x + b * columns, y + b * columns);
    else
      std::memset(y + b * columns, 0, static_cast<size_t>(columns) * sizeof(float));
  }
}

void zeroCoarse(int64_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(zeroCoarseVector)(count, y);
}

void add(int64_t count, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(addVector)(count, x, y);
}

void multiply(int64_t count, const float* a, const float* b, float* y) {
  HWY_DYNAMIC_DISPATCH(multiplyVector)(count, a, b, y);
}

void copyRows(int64_t rows, int64_t columns, const float* x, int64_t xStride, float* y, int64_t yStride) {
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(y + r * yStride, x + r * xStride, static_cast<size_t>(columns) * sizeof(float));
}

void mixRows(const Backend::RowMixture& mixture, int64_t blocks, int64_t columns, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(mixRowsVector)(mixture, blocks, columns, x, y);
}

void sumPositions(int64_t examples, int64_t positions, int64_t columns, const float* x, float* y, int64_t stride) {
  HWY_DYNAMIC_DISPATCH(sumPositionsVector)(examples, positions, columns, x, y, stride);
}

void dotWithMagnitude(int64_t count, const float* p, const float* q, double* total, double* magnitude) {
  HWY_DYNAMIC_DISPATCH(dotWithMagnitudeVector)(count, p, q, total, magnitude);
}

void addDotWithSum(int64_t count, const float* p, int64_t rows, const float* const* row, double* total,
                   double* magnitude) {
  HWY_DYNAMIC_DISPATCH(addDotWithSumVector)(count, p, rows, row, total, magnitude);
}

}  // namespace hushgrad::cpu
#endif
