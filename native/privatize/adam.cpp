// torch.optim.Adam and AdamW: m ← m + (1 − β₁)(g − m); v ← β₂v + (1 − β₂)g²;
// p ← p − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε). Adam adds decay·p to g, AdamW first shrinks p by 1 − lr·decay.
// State: [exp_avg, exp_avg_sq].
#include <cmath>

#include "privatize/optimizer.h"
#include "privatize/optimizer_settings.h"
#include "privatize/update_rules.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "privatize/adam.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/loops-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hushgrad {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::forEachLane;

void adamBlock(const AdamRule& rule, int64_t count, const float* HWY_RESTRICT gradient, float* HWY_RESTRICT parameter,
               float* HWY_RESTRICT mean, float* HWY_RESTRICT square) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto old = hn::LoadU(d, parameter + i);
    const auto g = hn::MulAdd(hn::Set(d, rule.weightDecay), old, hn::LoadU(d, gradient + i));
    const auto oldMean = hn::LoadU(d, mean + i);
    const auto m = hn::MulAdd(hn::Set(d, rule.newMean), hn::Sub(g, oldMean), oldMean);
    const auto newPart = hn::Mul(hn::Mul(g, g), hn::Set(d, rule.newSquare));
    const auto v = hn::MulAdd(hn::Set(d, rule.oldSquare), hn::LoadU(d, square + i), newPart);
    const auto divisor = hn::MulAdd(hn::Sqrt(v), hn::Set(d, rule.inverseRoot), hn::Set(d, rule.epsilon));
    const auto p = hn::Mul(old, hn::Set(d, rule.shrink));
    hn::StoreU(m, d, mean + i);
    hn::StoreU(v, d, square + i);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rule.stepSize), hn::Div(m, divisor), p), d, parameter + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(adamBlock);

class Adam : public Optimizer {
 public:
  // decoupled: AdamW's weight decay, whose default in PyTorch is 0.01.
  Adam(const OptimizerSpec& spec, bool decoupled)
      : decoupled(decoupled),
        weightDecay(nonNegativeSetting(spec.attributes, "weightDecay", decoupled ? 0.01 : 0)),
        epsilon(nonNegativeSetting(spec.attributes, "epsilon", 1e-8)),
        betas(betasSetting(spec.attributes)) {}
  explicit Adam(const OptimizerSpec& spec) : Adam(spec, false) {}

  int slots() const override { return 2; }

  void update(const OptimizerStep& step, const OptimizerRange& range) const override {
    HWY_DYNAMIC_DISPATCH(adamBlock)
    (adamRule(step), range.count, range.gradient, range.parameter, range.state[0], range.state[1]);
  }

  UpdateRule rule(const OptimizerStep& step) const override {
    UpdateRule result{};
    result.kind = UpdateRule::Kind::adam;
    result.adam = adamRule(step);
    return result;
  }

 private:
  AdamRule adamRule(const OptimizerStep& step) const {
    const double t = static_cast<double>(step.step);
    const auto [beta1, beta2] = betas;
    return {static_cast<float>(decoupled ? 1 - step.learningRate * weightDecay : 1),
            static_cast<float>(decoupled ? 0 : weightDecay),
            static_cast<float>(1 - beta1),
            static_cast<float>(beta2),
            static_cast<float>(1 - beta2),
            static_cast<float>(step.learningRate / (1 - std::pow(beta1, t))),
            static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, t))),
            static_cast<float>(epsilon)};
  }

  const bool decoupled;
  const double weightDecay, epsilon;
  const std::pair<double, double> betas;
};

class AdamW : public Adam {
 public:
  explicit AdamW(const OptimizerSpec& spec) : Adam(spec, true) {}
};

HUSHGRAD_OPTIMIZER("adam", Adam);
HUSHGRAD_OPTIMIZER("adamw", AdamW);

}  // namespace hushgrad
#endif
