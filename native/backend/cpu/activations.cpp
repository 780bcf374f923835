// Activations and their derivatives, as PyTorch defines them. The transcendental ones are own vector code (see
// elementary-inl.h): oneDNN's tanh takes half again as long, and libm's is scalar.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/activations.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>

#include "backend/cpu/elementary-inl.h"
#include "backend/cpu/loops-inl.h"
// clang-format on

#include "backend/cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace {

// Minimum and maximum differ between machines in what they make of NaN, so it is put back explicitly.
template <class V>
HWY_INLINE V keepNan(V x, V y) {
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// Each kind has value(d, x) and derivative(d, x or y).

// max(x, 0), keeping NaN.
struct Relu {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V value(D d, V x) const {
    return hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x);
  }
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V derivative(D d, V y) const {
    return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), hn::Set(d, 1.0f));
  }
};

struct LeakyRelu {
  float slope;
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V value(D d, V x) const {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(hn::Set(d, slope), x));
  }
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V derivative(D d, V y) const {
    return hn::IfThenElse(hn::Gt(y, hn::Zero(d)), hn::Set(d, 1.0f), hn::Set(d, slope));
  }
};

// tanh |x| = e/(e + 2) with e = e^(2|x|) − 1: accurate near 0 as well, in one formula. From 9.1 on it rounds to 1.
struct Tanh {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V value(D d, V x) const {
    const V a = hn::Min(hn::Abs(x), hn::Set(d, 10.0f));
    const V e = expMinusOne(d, hn::Add(a, a));
    const V y = hn::Div(e, hn::Add(e, hn::Set(d, 2.0f)));
    return keepNan(x, hn::CopySignToAbs(y, x));
  }
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V derivative(D d, V y) const {
    return hn::NegMulAdd(y, y, hn::Set(d, 1.0f));
  }
};

// From e = e^−|v|: 1/(1 + e) above 0 and e/(1 + e) below, so that small values keep their relative accuracy.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoidFrom(D d, hn::Mask<D> negative, V e) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(hn::IfThenElse(negative, e, one), hn::Add(one, e));
}

struct Sigmoid {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V value(D d, V x) const {
    return keepNan(x, sigmoidFrom(d, hn::Lt(x, hn::Zero(d)), expOfMinus(d, hn::Abs(x))));
  }
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V derivative(D, V y) const {
    return hn::NegMulAdd(y, y, y);
  }
};

// x · Φ(x); derivative Φ(x) + x · φ(x).
struct Gelu {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V cumulative(D d, V x, V tail) const {
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0f), tail));
  }
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V value(D d, V x) const {
    return keepNan(x, hn::Mul(x, cumulative(d, x, normalTail(d, hn::Abs(x)).tail)));
  }
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V derivative(D d, V x) const {
    const auto normal = normalTail(d, hn::Abs(x));
    const V density = hn::Mul(normal.bell, hn::Set(d, 0.3989422804014327f));
    return keepNan(x, hn::MulAdd(x, density, cumulative(d, x, normal.tail)));
  }
};

// PyTorch's approximate="tanh": x/2 · (1 + tanh u) = x · sigmoid(2u), 2u = x · w, w = c₁ + c₂x².
struct GeluTanh {
  static constexpr double kOne = 1.5957691216057308;  // c₁ = 2 √(2/π)
  static constexpr double kTwo = kOne * 0.044715;     // c₂

  // a = min(|x|, 12), beyond which sigmoid(±2u) is 0 or 1; e^(−a·w). Its argument is carried in two parts (Dekker's
  // products, Knuth's sum), since the exponential turns the argument's absolute error into a relative one.
  template <class D, class V>
  HWY_INLINE V exponential(D d, V a) const {
    constexpr float one = static_cast<float>(kOne), two = static_cast<float>(kTwo);
    const V c1 = hn::Set(d, one), c2 = hn::Set(d, two);
    const V square = hn::Mul(a, a), squareRest = hn::MulSub(a, a, square);
    const V cubic = hn::Mul(c2, square);
    V cubicRest = hn::MulAdd(c2, squareRest, hn::MulSub(c2, square, cubic));
    cubicRest = hn::MulAdd(hn::Set(d, static_cast<float>(kTwo - two)), square, cubicRest);
    const V w = hn::Add(c1, cubic), part = hn::Sub(w, c1);
    const V sumRest = hn::Add(hn::Sub(c1, hn::Sub(w, part)), hn::Sub(cubic, part));
    const V wRest = hn::Add(hn::Add(sumRest, hn::Set(d, static_cast<float>(kOne - one))), cubicRest);
    const V v = hn::Mul(a, w), vRest = hn::MulAdd(a, wRest, hn::MulSub(a, w, v));
    const V e = expOfMinus(d, v);
    return hn::NegMulAdd(e, vRest, e);
  }
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V value(D d, V x) const {
    const V e = exponential(d, hn::Min(hn::Abs(x), hn::Set(d, 12.0f)));
    return keepNan(x, hn::Mul(x, sigmoidFrom(d, hn::Lt(x, hn::Zero(d)), e)));
  }
  // s + x · s(1 − s) · (c₁ + 3c₂x²), and s(1 − s) = e/(1 + e)²
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE V derivative(D d, V x) const {
    const V one = hn::Set(d, 1.0f), a = hn::Min(hn::Abs(x), hn::Set(d, 12.0f));
    const V e = exponential(d, a), inverse = hn::Div(one, hn::Add(one, e));
    const V smaller = hn::Mul(e, inverse);
    const V s = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), smaller, inverse);
    const V growth =
        hn::MulAdd(hn::Set(d, static_cast<float>(3 * kTwo)), hn::Mul(a, a), hn::Set(d, static_cast<float>(kOne)));
    return keepNan(x, hn::MulAdd(hn::Mul(x, growth), hn::Mul(smaller, inverse), s));
  }
};

template <class Kind>
void forward(const Kind& kind, int64_t count, const float* x, float* y) {
  forEachLane(static_cast<size_t>(count),
              [&](auto d, size_t i) HWY_ATTR { hn::StoreU(kind.value(d, hn::LoadU(d, x + i)), d, y + i); });
}

template <class Kind>
void backward(const Kind& kind, int64_t count, const float* at, const float* dy, float* dx) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, dy + i), kind.derivative(d, hn::LoadU(d, at + i))), d, dx + i);
  });
}

void activateVector(const Activation& f, int64_t count, const float* x, float* y) {
  switch (f.kind) {
    case ActivationKind::relu:
      return forward(Relu(), count, x, y);
    case ActivationKind::leakyRelu:
      return forward(LeakyRelu{f.slope}, count, x, y);
    case ActivationKind::tanh:
      return forward(Tanh(), count, x, y);
    case ActivationKind::sigmoid:
      return forward(Sigmoid(), count, x, y);
    case ActivationKind::gelu:
      return forward(Gelu(), count, x, y);
    case ActivationKind::geluTanh:
      return forward(GeluTanh(), count, x, y);
  }
}

void activateGradientVector(const Activation& f, int64_t count, const float* x, const float* y, const float* dy,
                            float* dx) {
  switch (f.kind) {
    case ActivationKind::relu:
      return backward(Relu(), count, y, dy, dx);
    case ActivationKind::leakyRelu:
      return backward(LeakyRelu{f.slope}, count, y, dy, dx);
    case ActivationKind::tanh:
      return backward(Tanh(), count, y, dy, dx);
    case ActivationKind::sigmoid:
      return backward(Sigmoid(), count, y, dy, dx);
    case ActivationKind::gelu:
      return backward(Gelu(), count, x, dy, dx);
    case ActivationKind::geluTanh:
      return backward(GeluTanh(), count, x, dy, dx);
  }
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(activateVector);
HWY_EXPORT(activateGradientVector);
}  // namespace

void activate(const Activation& f, int64_t count, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(activateVector)(f, count, x, y);
}

void activateGradient(const Activation& f, int64_t count, const float* x, const float* y, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(activateGradientVector)(f, count, x, y, dy, dx);
}

}  // namespace hushgrad::cpu
#endif
