// Sums of squares, shared by the kernels that take norms. Compiled once for each instruction set (hence the toggled
// guard).
#if defined(HUSHGRAD_SQUARES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef HUSHGRAD_SQUARES_INL_H
#undef HUSHGRAD_SQUARES_INL_H
#else
#define HUSHGRAD_SQUARES_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Σ_c load(d, c)² over [0, columns), in float64; load(d, c) gives elements c … as a vector of float32 of d's lanes.
template <class Load>
double exactSquares(int64_t columns, const Load& load) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;
  const hn::CappedTag<float, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto square = [&](int64_t c, auto sum) HWY_ATTR {
    const auto x = hn::PromoteTo(d, load(half, c));
    return hn::MulAdd(x, x, sum);
  };
  auto sum0 = hn::Zero(d), sum1 = sum0;
  int64_t c = 0;
  for (; c + 2 * lanes <= columns; c += 2 * lanes) {
    sum0 = square(c, sum0);
    sum1 = square(c + lanes, sum1);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  for (; c < columns; ++c) {
    const double x = hn::GetLane(load(one, c));
    sum += x * x;
  }
  return sum;
}

// Squares of kChains · 4 vectors from c on, added up in as many chains of float32.
template <int kChains, class D, class At>
HWY_INLINE hn::Vec<D> runOfSquares(D d, int64_t c, const At& at) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto chain = [&](int64_t first) HWY_ATTR {
    const auto x0 = at(first), x1 = at(first + kChains * lanes);
    const auto x2 = at(first + 2 * kChains * lanes), x3 = at(first + 3 * kChains * lanes);
    return hn::MulAdd(x3, x3, hn::MulAdd(x2, x2, hn::MulAdd(x1, x1, hn::Mul(x0, x0))));
  };
  const auto two = hn::Add(chain(c), chain(c + lanes));
  if constexpr (kChains == 2) return two;
  return hn::Add(two, hn::Add(chain(c + 2 * lanes), chain(c + 3 * lanes)));
}

// squares[r] = Σ_c load(d, r, c)² for kRows rows side by side: above the exact value by at most 2⁻²⁰ of it, not below
// it but for the rounding of float64, and the same for every number of rows. It takes a fraction of the conversions to
// float64, for short runs of squares are added in float32 and their sums in float64. A square is then rounded at most 7
// times by u = 2⁻²⁴: four times in its chain, twice where chains meet, once where it lies among denormals. So the sum
// times 1 + 8u is no less than the exact one. Where float32 may overflow, or squares drown among denormals, a row is
// taken in float64.
template <int kRows, int kChains, class Load>
HWY_INLINE void squaresFromAbove(int64_t columns, const Load& load, double* squares) {
  static_assert(kChains == 2 || kChains == 4);
  const hn::ScalableTag<float> d;
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> half;
  const int64_t run = 4 * kChains * static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN_MAX float sum[HWY_MAX_BYTES / sizeof(float)] = {};  // through memory: one lane alone has no halves
  hn::Vec<decltype(dd)> low[kRows], high[kRows];
  for (int r = 0; r < kRows; ++r) low[r] = high[r] = hn::Zero(dd);
  int64_t c = 0;
  for (; c + run <= columns; c += run) {
    for (int r = 0; r < kRows; ++r) {
      hn::Store(runOfSquares<kChains>(d, c, [&, r](int64_t at) HWY_ATTR { return load(d, r, at); }), d, sum);
      low[r] = hn::Add(low[r], hn::PromoteTo(dd, hn::Load(half, sum)));
      high[r] = hn::Add(high[r], hn::PromoteTo(dd, hn::LoadU(half, sum + hn::Lanes(half))));
    }
  }
  // A square below 2⁻¹²⁶ is off by as much at most, whether denormals are kept or flushed.
  const double drowned = 0x1p-102 * static_cast<double>(c), overflows = 0x1p1000;
  for (int r = 0; r < kRows; ++r) {
    const auto from = [&](int64_t first) HWY_ATTR {
      const auto rest = [&, first](auto tag, int64_t at) HWY_ATTR { return load(tag, r, first + at); };
      return exactSquares(columns - first, rest);
    };
    squares[r] = hn::GetLane(hn::SumOfLanes(dd, hn::Add(low[r], high[r]))) * (1 + 0x1p-21);
    const bool holds = squares[r] >= drowned && squares[r] < overflows;
    if (!holds) squares[r] = from(0);
    if (holds && c < columns) squares[r] += from(c);
  }
}

}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
