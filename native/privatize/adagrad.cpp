// torch.optim.Adagrad: g ← g + decay·p; sum ← sum + g²; p ← p − lr/(1 + (t − 1)·lrDecay) · g/(√sum + ε).
// State: [sum], which starts at initialAccumulator.
#include <cmath>

#include "privatize/optimizer.h"
#include "privatize/optimizer_settings.h"
#include "privatize/update_rules.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "privatize/adagrad.cpp"
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

void adagradBlock(const AdagradRule& rule, int64_t count, const float* HWY_RESTRICT gradient,
                  float* HWY_RESTRICT parameter, float* HWY_RESTRICT sum) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto p = hn::LoadU(d, parameter + i);
    const auto g = hn::MulAdd(hn::Set(d, rule.weightDecay), p, hn::LoadU(d, gradient + i));
    const auto s = hn::MulAdd(g, g, hn::LoadU(d, sum + i));
    hn::StoreU(s, d, sum + i);
    const auto move = hn::Div(g, hn::Add(hn::Sqrt(s), hn::Set(d, rule.epsilon)));
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rule.learningRate), move, p), d, parameter + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(adagradBlock);

class Adagrad : public Optimizer {
 public:
  explicit Adagrad(const OptimizerSpec& spec)
      : learningRateDecay(nonNegativeSetting(spec.attributes, "learningRateDecay", 0)),
        weightDecay(nonNegativeSetting(spec.attributes, "weightDecay", 0)),
        initialAccumulator(nonNegativeSetting(spec.attributes, "initialAccumulator", 0)),
        epsilon(nonNegativeSetting(spec.attributes, "epsilon", 1e-10)) {}

  int slots() const override { return 1; }
  float initialState(int /*slot*/) const override { return static_cast<float>(initialAccumulator); }

  void update(const OptimizerStep& step, const OptimizerRange& range) const override {
    HWY_DYNAMIC_DISPATCH(adagradBlock)(adagradRule(step), range.count, range.gradient, range.parameter, range.state[0]);
  }

  UpdateRule rule(const OptimizerStep& step) const override {
    UpdateRule result{};
    result.kind = UpdateRule::Kind::adagrad;
    result.adagrad = adagradRule(step);
    return result;
  }

 private:
  AdagradRule adagradRule(const OptimizerStep& step) const {
    const double slowed = 1 + static_cast<double>(step.step - 1) * learningRateDecay;
    return {static_cast<float>(step.learningRate / slowed), static_cast<float>(weightDecay),
            static_cast<float>(epsilon)};
  }

  const double learningRateDecay, weightDecay, initialAccumulator, epsilon;
};

HUSHGRAD_OPTIMIZER("adagrad", Adagrad);

}  // namespace hushgrad
#endif
