// torch.optim.RMSprop: g ← g + decay·p; v ← αv + (1 − α)g²; centred: a ← a + (1 − α)(g − a), v̂ = v − a², else v̂ = v;
// buf ← momentum·buf + g/(√v̂ + ε); p ← p − lr·buf. State, in PyTorch's order of creation: [square_avg],
// momentum_buffer with momentum, grad_avg when centred.
#include "privatize/optimizer.h"
#include "privatize/optimizer_settings.h"
#include "privatize/update_rules.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "privatize/rmsprop.cpp"
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

// buffer null: no momentum; mean null: not centred.
void rmspropBlock(const RmspropRule& rule, int64_t count, const float* HWY_RESTRICT gradient,
                  float* HWY_RESTRICT parameter, float* HWY_RESTRICT square, float* HWY_RESTRICT buffer,
                  float* HWY_RESTRICT mean) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto p = hn::LoadU(d, parameter + i);
    const auto g = hn::MulAdd(hn::Set(d, rule.weightDecay), p, hn::LoadU(d, gradient + i));
    const auto newPart = hn::Mul(hn::Mul(g, g), hn::Set(d, rule.undamped));
    auto v = hn::MulAdd(hn::Set(d, rule.alpha), hn::LoadU(d, square + i), newPart);
    hn::StoreU(v, d, square + i);
    if (mean != nullptr) {
      const auto old = hn::LoadU(d, mean + i);
      const auto a = hn::MulAdd(hn::Set(d, rule.undamped), hn::Sub(g, old), old);
      hn::StoreU(a, d, mean + i);
      // v − a² is a variance: what rounding takes below zero is zero, where PyTorch would give NaN.
      v = hn::Max(hn::NegMulAdd(a, a, v), hn::Zero(d));
    }
    auto move = hn::Div(g, hn::Add(hn::Sqrt(v), hn::Set(d, rule.epsilon)));
    if (buffer != nullptr) {
      move = hn::MulAdd(hn::Set(d, rule.momentum), hn::LoadU(d, buffer + i), move);
      hn::StoreU(move, d, buffer + i);
    }
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rule.learningRate), move, p), d, parameter + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(rmspropBlock);

class Rmsprop : public Optimizer {
 public:
  explicit Rmsprop(const OptimizerSpec& spec)
      : weightDecay(nonNegativeSetting(spec.attributes, "weightDecay", 0)),
        momentum(nonNegativeSetting(spec.attributes, "momentum", 0)),
        epsilon(nonNegativeSetting(spec.attributes, "epsilon", 1e-8)),
        alpha(decaySetting("alpha", spec.attributes.numberOr("alpha", 0.99))),
        centered(spec.attributes.numberOr("centered", 0) != 0) {}

  int slots() const override { return 1 + (momentum > 0 ? 1 : 0) + (centered ? 1 : 0); }

  void update(const OptimizerStep& step, const OptimizerRange& range) const override {
    const RmspropRule numbers = rmspropRule(step);
    float* const* next = range.state + 1;
    float* buffer = numbers.buffered ? *next++ : nullptr;
    float* mean = numbers.centered ? *next : nullptr;
    HWY_DYNAMIC_DISPATCH(rmspropBlock)
    (numbers, range.count, range.gradient, range.parameter, range.state[0], buffer, mean);
  }

  UpdateRule rule(const OptimizerStep& step) const override {
    UpdateRule result{};
    result.kind = UpdateRule::Kind::rmsprop;
    result.rmsprop = rmspropRule(step);
    return result;
  }

 private:
  RmspropRule rmspropRule(const OptimizerStep& step) const {
    return {static_cast<float>(step.learningRate),
            static_cast<float>(weightDecay),
            static_cast<float>(alpha),
            static_cast<float>(1 - alpha),
            static_cast<float>(epsilon),
            static_cast<float>(momentum),
            momentum > 0,
            centered};
  }

  const double weightDecay, momentum, epsilon, alpha;
  const bool centered;
};

HUSHGRAD_OPTIMIZER("rmsprop", Rmsprop);

}  // namespace hushgrad
#endif
