// e^x and its relatives on vectors of float32, within about two units in the last place of the exact value. Compiled
// once for each instruction set (hence the toggled guard).
#if defined(HUSHGRAD_ELEMENTARY_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef HUSHGRAD_ELEMENTARY_INL_H
#undef HUSHGRAD_ELEMENTARY_INL_H
#else
#define HUSHGRAD_ELEMENTARY_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// x = n · ln 2 + r with |r| ≤ ln 2 / 2, and e^r − 1 = r + r² · q(r). q is the polynomial of degree 4 whose error,
// weighted for e^r − 1, is least: 1.5e-8.
template <class V>
struct ReducedExponent {
  V n;       // whole
  V excess;  // e^r − 1
};

template <class D, class V = hn::Vec<D>>
HWY_INLINE ReducedExponent<V> reduceExponent(D d, V x) {
  const V n = hn::Round(hn::Mul(x, hn::Set(d, 0x1.715476p+0f)));
  V r = hn::NegMulAdd(n, hn::Set(d, 0x1.62e430p-1f), x);  // ln 2, its first 24 bits
  r = hn::NegMulAdd(n, hn::Set(d, -0x1.05c610p-29f), r);  // and the rest
  V q = hn::MulAdd(hn::Set(d, 0x1.6d96bcp-10f), r, hn::Set(d, 0x1.122682p-7f));
  q = hn::MulAdd(q, r, hn::Set(d, 0x1.55548ap-5f));
  q = hn::MulAdd(q, r, hn::Set(d, 0x1.5554b2p-3f));
  q = hn::MulAdd(q, r, hn::Set(d, 0.5f));
  return {n, hn::MulAdd(hn::Mul(r, r), q, r)};
}

// 2^n for whole n in [−126, 127].
template <class D, class V = hn::Vec<D>>
HWY_INLINE V powerOfTwo(D d, V n) {
  const hn::RebindToSigned<D> di;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127))));
}

// e^−a for a ≥ 0; below the least denormal number it is 0. Not for NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V expOfMinus(D d, V a) {
  const auto reduced = reduceExponent(d, hn::Neg(hn::Min(a, hn::Set(d, 104.0f))));
  // Two factors, for 2^−150 is no float: the first product is exact, the second rounds once.
  const V half = hn::Floor(hn::Mul(reduced.n, hn::Set(d, 0.5f)));
  const V mantissa = hn::Add(reduced.excess, hn::Set(d, 1.0f));
  return hn::Mul(hn::Mul(mantissa, powerOfTwo(d, half)), powerOfTwo(d, hn::Sub(reduced.n, half)));
}

// e^a − 1 for 0 ≤ a ≤ 80. Not for NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V expMinusOne(D d, V a) {
  const auto reduced = reduceExponent(d, a);
  const V power = powerOfTwo(d, reduced.n);
  return hn::MulAdd(power, reduced.excess, hn::Sub(power, hn::Set(d, 1.0f)));
}

// The upper tail 1 − Φ(a) of the normal distribution for a ≥ 0, and e^(−a²/2).
// Mills' ratio (1 − Φ(a)) · e^(a²/2) = r · p(r) with r = 1/(1 + 0.35 a) and p of degree 10, relative error 3e-9 on
// [0, 14.6]; beyond, the tail is less than any float. a² is carried in two parts, as e^(−a²/2) multiplies its error.
template <class V>
struct NormalTail {
  V tail, bell;
};

template <class D, class V = hn::Vec<D>>
HWY_INLINE NormalTail<V> normalTail(D d, V magnitude) {
  const V a = hn::Min(magnitude, hn::Set(d, 14.6f)), half = hn::Set(d, 0.5f);
  const V square = hn::Mul(a, a), rest = hn::MulSub(a, a, square);
  const V rounded = expOfMinus(d, hn::Mul(square, half));
  const V bell = hn::NegMulAdd(hn::Mul(rounded, rest), half, rounded);
  // r's rounding would come out of p(r) doubled; what it is short of 1/(1 + 0.35 a) is added back.
  const V one = hn::Set(d, 1.0f), slope = hn::Set(d, 0.35f);
  const V s = hn::MulAdd(a, slope, one), sRest = hn::MulAdd(a, slope, hn::Sub(one, s));
  const V inverse = hn::Div(one, s);
  const V missing = hn::Mul(inverse, hn::NegMulAdd(inverse, sRest, hn::NegMulAdd(inverse, s, one)));
  const V r = hn::Add(inverse, missing), t = hn::Add(hn::Sub(inverse, half), missing);
  V p = hn::MulAdd(hn::Set(d, 0.01870589703321457f), t, hn::Set(d, -0.009569209069013596f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.03574347123503685f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.030581342056393623f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.045024193823337555f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.056490056216716766f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.0817904844880104f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.08188483119010925f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.2843969464302063f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.3429914712905884f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.2532442808151245f));
  return {hn::Mul(hn::Mul(p, r), bell), bell};
}

}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
