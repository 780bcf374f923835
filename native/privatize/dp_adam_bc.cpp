// DP-AdamBC (Tang, Shpilevskiy, Lécuyer 2023, "DP-AdamBC: Your DP-Adam Is Actually DP-SGD (Unless You Apply Bias
// Correction)"): Adam whose second moment is freed of the noise's variance, which is known.
//   m ← m + (1 − β₁)(g − m); v ← v + (1 − β₂)(g² − v); Φ ← Φ + (1 − β₂)(mask·(σS/qN)² − Φ);
//   p ← p − lr/(1 − β₁ᵗ) · m / √max((v − Φ)/(1 − β₂ᵗ), floor).
// The paper's Φ is one number; here it is averaged as v is, so that it holds for noise that changes from step to step
// and for coordinates that a mask left without noise in some of them.
// State: [exp_avg, exp_avg_sq], under masks [noise_variance] too; else Φ is the shared number.
#include <cmath>
#include <stdexcept>

#include "privatize/optimizer.h"
#include "privatize/optimizer_settings.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "privatize/dp_adam_bc.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/loops-inl.h"
// clang-format on

#ifndef HUSHGRAD_DP_ADAM_BC_RULE
#define HUSHGRAD_DP_ADAM_BC_RULE
namespace hushgrad {
struct DpAdamBcRule {
  float newMean, newSquare;              // 1 − β₁, 1 − β₂
  float stepSize, inverseSquare, floor;  // lr/(1 − β₁ᵗ), 1/(1 − β₂ᵗ)
  float noiseVariance;                   // of this step
  float sharedVariance;                  // Φ where one number serves all
};
}  // namespace hushgrad
#endif

HWY_BEFORE_NAMESPACE();
namespace hushgrad {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::forEachLane;
using cpu::HWY_NAMESPACE::maskAt;

// old + share·(now − old): an average that settles on `now` exactly, where rounded β₂ and 1 − β₂ would miss it by 1e-5.
template <class V>
HWY_INLINE V towards(V old, V now, V share) {
  return hn::MulAdd(share, hn::Sub(now, old), old);
}

// variance null: Φ is the rule's.
void dpAdamBcBlock(const DpAdamBcRule& rule, int64_t count, const float* HWY_RESTRICT gradient, const uint8_t* mask,
                   float* HWY_RESTRICT parameter, float* HWY_RESTRICT mean, float* HWY_RESTRICT square,
                   float* HWY_RESTRICT variance) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto g = hn::LoadU(d, gradient + i);
    const auto m = towards(hn::LoadU(d, mean + i), g, hn::Set(d, rule.newMean));
    const auto v = towards(hn::LoadU(d, square + i), hn::Mul(g, g), hn::Set(d, rule.newSquare));
    hn::StoreU(m, d, mean + i);
    hn::StoreU(v, d, square + i);
    auto phi = hn::Set(d, rule.sharedVariance);
    if (variance != nullptr) {
      auto now = hn::Set(d, rule.noiseVariance);
      if (mask != nullptr) now = hn::IfThenElseZero(maskAt(d, mask, static_cast<int64_t>(i)), now);
      phi = towards(hn::LoadU(d, variance + i), now, hn::Set(d, rule.newSquare));
      hn::StoreU(phi, d, variance + i);
    }
    const auto clean = hn::Mul(hn::Sub(v, phi), hn::Set(d, rule.inverseSquare));
    const auto divisor = hn::Sqrt(hn::Max(clean, hn::Set(d, rule.floor)));
    const auto p = hn::LoadU(d, parameter + i);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rule.stepSize), hn::Div(m, divisor), p), d, parameter + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(dpAdamBcBlock);

class DpAdamBc : public Optimizer {
 public:
  explicit DpAdamBc(const OptimizerSpec& spec)
      : betas(betasSetting(spec.attributes)),
        floor(positiveSetting(spec.attributes, "floor", 1e-8)),
        masked(spec.masked) {}

  int slots() const override { return masked ? 3 : 2; }
  int sharedNumbers() const override { return masked ? 0 : 1; }

  void advance(const OptimizerStep& step, double* shared) const override {
    if (!masked) shared[0] += (1 - betas.second) * (step.noiseVariance - shared[0]);
  }

  void update(const OptimizerStep& step, const OptimizerRange& range) const override {
    const double t = static_cast<double>(step.step);
    const DpAdamBcRule numbers{static_cast<float>(1 - betas.first),
                               static_cast<float>(1 - betas.second),
                               static_cast<float>(step.learningRate / (1 - std::pow(betas.first, t))),
                               static_cast<float>(1 / (1 - std::pow(betas.second, t))),
                               static_cast<float>(floor),
                               static_cast<float>(step.noiseVariance),
                               masked ? 0.0f : static_cast<float>(step.shared[0])};
    HWY_DYNAMIC_DISPATCH(dpAdamBcBlock)
    (numbers, range.count, range.gradient, range.mask, range.parameter, range.state[0], range.state[1],
     masked ? range.state[2] : nullptr);
  }

  UpdateRule rule(const OptimizerStep&) const override {
    throw std::invalid_argument(
        "optimizer: dpAdamBC needs the noise of all steps before, which only a session knows; use a session");
  }

 private:
  const std::pair<double, double> betas;
  const double floor;
  const bool masked;
};

HUSHGRAD_OPTIMIZER("dpAdamBC", DpAdamBc);

}  // namespace hushgrad
#endif
