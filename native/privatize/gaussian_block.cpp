#include "privatize/gaussian_block.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "privatize/gaussian_block.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hushgrad {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<DF>;
using DU = hn::RebindToUnsigned<DF>;
using VF = hn::Vec<DF>;
using VI = hn::Vec<DI>;
using VU = hn::Vec<DU>;

// ln(1 + f) for 1 + f in [√½, √2): Cephes' logf, relative error about 1e-7 down to the smallest f.
// Estrin's scheme: the loop is bound by the length of its chains.
HWY_INLINE VF logOnePlus(VF f) {
  const DF d;
  const VF f2 = hn::Mul(f, f);
  const VF f4 = hn::Mul(f2, f2);
  const VF a = hn::MulAdd(hn::Set(d, -2.4999993993e-1f), f, hn::Set(d, 3.3333331174e-1f));
  const VF b = hn::MulAdd(hn::Set(d, -1.6668057665e-1f), f, hn::Set(d, 2.0000714765e-1f));
  const VF c = hn::MulAdd(hn::Set(d, -1.2420140846e-1f), f, hn::Set(d, 1.4249322787e-1f));
  const VF e = hn::MulAdd(hn::Set(d, -1.1514610310e-1f), f, hn::Set(d, 1.1676998740e-1f));
  const VF lo = hn::MulAdd(b, f2, a);
  const VF hi = hn::MulAdd(hn::MulAdd(hn::Set(d, 7.0376836292e-2f), f2, e), f2, c);
  const VF p = hn::MulAdd(hi, f4, lo);
  return hn::MulAdd(f2, hn::MulSub(p, f, hn::Set(d, 0.5f)), f);
}

// All ones where u ≥ ½, and then the distance from 1 is what the flipped words say.
HWY_INLINE VU upperHalf(VU high) {
  return hn::BitCast(DU(), hn::BroadcastSignBit(hn::BitCast(DI(), high)));
}

// √(−2 ln u). The top bit of `high` says on which side of ½ u lies, its other bits and `fraction` the distance v from
// the nearer end, so that ln u near 0 and ln(1 − v) near 1 both keep every digit of v.
HWY_INLINE VF radius(VU high, VF fraction) {
  const DF df;
  const DI di;
  const VU flip = upperHalf(high);
  const auto upper = hn::MaskFromVec(hn::BitCast(df, flip));
  const VF whole = hn::ConvertTo(df, hn::BitCast(di, hn::Xor(high, flip)));
  const VF v = hn::Mul(hn::Add(whole, fraction), hn::Set(df, 0x1p-32f));  // in (0, ½]

  const VF one = hn::Set(df, 1.0f);
  const VF signedV = hn::IfThenElse(upper, hn::Neg(v), v);
  const VI u = hn::BitCast(di, hn::Add(signedV, hn::IfThenElseZero(upper, one)));
  // u = m·2^e with m in [√½, √2); 0x3f3504f3 is √½.
  const VI exponent = hn::ShiftRight<23>(hn::Sub(u, hn::Set(di, 0x3f3504f3)));
  const VF scale = hn::BitCast(df, hn::ShiftLeft<23>(hn::Sub(hn::Set(di, 127), exponent)));  // 2^−e
  // m − 1, from v itself and not from the rounded u: scale·v − 1 below ½, scale·(1 − v) − 1 above; both exact.
  const VF offset = hn::IfThenElse(upper, hn::Sub(scale, one), hn::Neg(one));
  const VF mantissa = logOnePlus(hn::MulAdd(scale, signedV, offset));
  const VF log = hn::MulAdd(hn::ConvertTo(df, exponent), hn::Set(df, 0.69314718056f), mantissa);
  return hn::Sqrt(hn::Mul(hn::Set(df, -2.0f), log));
}

// A uniform point of the circle: the low 30 bits give an angle in [−π/4, π/4], bit 30 swaps sine and cosine, bit 31
// turns by half a circle.
HWY_INLINE void direction(VU word, VF& x, VF& y) {
  const DF df;
  const DI di;
  const DU du;
  const VU centred = hn::Or(hn::ShiftLeft<2>(word), hn::Set(du, 2));
  const VF angle = hn::Mul(hn::ConvertTo(df, hn::BitCast(di, centred)), hn::Set(df, 0.78539816340f * 0x1p-31f));
  const VF square = hn::Mul(angle, angle);
  // Cephes' sinf and cosf.
  auto s = hn::Set(df, -1.9515295891e-4f);
  s = hn::MulAdd(s, square, hn::Set(df, 8.3321608736e-3f));
  s = hn::MulAdd(s, square, hn::Set(df, -1.6666654611e-1f));
  s = hn::MulAdd(hn::Mul(s, square), angle, angle);
  auto c = hn::Set(df, 2.443315711809948e-5f);
  c = hn::MulAdd(c, square, hn::Set(df, -1.388731625493765e-3f));
  c = hn::MulAdd(c, square, hn::Set(df, 4.166664568298827e-2f));
  c = hn::MulAdd(c, square, hn::Set(df, -0.5f));
  c = hn::MulAdd(c, square, hn::Set(df, 1.0f));

  const auto swap = hn::MaskFromVec(hn::BitCast(df, hn::BroadcastSignBit(hn::BitCast(di, hn::ShiftLeft<1>(word)))));
  const VF sign = hn::BitCast(df, hn::And(word, hn::Set(du, 0x80000000u)));
  x = hn::Xor(hn::IfThenElse(swap, s, c), sign);
  y = hn::Xor(hn::IfThenElse(swap, c, s), sign);
}

void block(const uint32_t* HWY_RESTRICT high, const uint32_t* HWY_RESTRICT angle, const float* HWY_RESTRICT fraction,
           float* HWY_RESTRICT out) {
  const DF df;
  const DU du;
  for (int64_t p = 0; p < kGaussianPairs; p += static_cast<int64_t>(hn::Lanes(df))) {
    const VF r = radius(hn::LoadU(du, high + p), hn::LoadU(df, fraction + p));
    VF x, y;
    direction(hn::LoadU(du, angle + p), x, y);
    hn::StoreU(hn::Mul(r, x), df, out + p);
    hn::StoreU(hn::Mul(r, y), df, out + kGaussianPairs + p);
  }
}

// From 2²⁴ units of 2⁻³² on, a float32 has no digit left for the low word.
int tails(const uint32_t* HWY_RESTRICT high, uint32_t* HWY_RESTRICT pairs) {
  const DU du;
  const DI di;
  static_assert(hn::MaxLanes(du) <= kTailPadding, "a whole vector is stored at a time");
  size_t found = 0;
  for (int64_t p = 0; p < kGaussianPairs; p += static_cast<int64_t>(hn::Lanes(du))) {
    const VU word = hn::LoadU(du, high + p);
    const VI distance = hn::BitCast(di, hn::Xor(word, upperHalf(word)));
    const auto near = hn::Lt(distance, hn::Set(di, 1 << 24));
    if (hn::AllFalse(di, near)) continue;
    const VU indices = hn::Iota(du, static_cast<uint32_t>(p));
    found += hn::CompressStore(indices, hn::RebindMask(du, near), du, pairs + found);
  }
  return static_cast<int>(found);
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(block);
HWY_EXPORT(tails);

int findTails(const uint32_t* high, uint32_t* pairs) {
  return HWY_DYNAMIC_DISPATCH(tails)(high, pairs);
}

float tailFraction(uint32_t high, uint32_t low) {
  const uint32_t distance = high >> 31 ? ~low : low;
  return static_cast<float>((distance + 0.5) * 0x1p-32);
}

void gaussianBlock(const uint32_t* high, const uint32_t* angle, const float* fraction, float* out) {
  HWY_DYNAMIC_DISPATCH(block)(high, angle, fraction, out);
}

}  // namespace hushgrad
#endif
