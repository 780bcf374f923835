// torch.optim.SGD: g ← g + decay·p; buf ← momentum·buf + (1 − dampening)·g, and buf ← g on the first step;
// p ← p − lr·(g + momentum·buf with Nesterov, buf without). State: [momentum_buffer], none without momentum.
#include <stdexcept>

#include "privatize/optimizer.h"
#include "privatize/optimizer_settings.h"
#include "privatize/update_rules.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "privatize/sgd.cpp"
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

void sgdPlain(const SgdRule& rule, int64_t count, const float* HWY_RESTRICT gradient, float* HWY_RESTRICT parameter) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto p = hn::LoadU(d, parameter + i);
    const auto g = hn::MulAdd(hn::Set(d, rule.weightDecay), p, hn::LoadU(d, gradient + i));
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rule.learningRate), g, p), d, parameter + i);
  });
}

void sgdMomentum(const SgdRule& rule, int64_t count, const float* HWY_RESTRICT gradient, float* HWY_RESTRICT parameter,
                 float* HWY_RESTRICT buffer) {
  const float kept = rule.first ? 0.0f : rule.momentum;
  const float added = rule.first ? 1.0f : rule.undamped;
  const float lookAhead = rule.nesterov ? rule.momentum : 1.0f;
  const float direct = rule.nesterov ? 1.0f : 0.0f;
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto p = hn::LoadU(d, parameter + i);
    const auto g = hn::MulAdd(hn::Set(d, rule.weightDecay), p, hn::LoadU(d, gradient + i));
    const auto b = hn::MulAdd(hn::Set(d, kept), hn::LoadU(d, buffer + i), hn::Mul(hn::Set(d, added), g));
    const auto move = hn::MulAdd(hn::Set(d, lookAhead), b, hn::Mul(hn::Set(d, direct), g));
    hn::StoreU(b, d, buffer + i);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rule.learningRate), move, p), d, parameter + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(sgdPlain);
HWY_EXPORT(sgdMomentum);

class Sgd : public Optimizer {
 public:
  explicit Sgd(const OptimizerSpec& spec)
      : weightDecay(nonNegativeSetting(spec.attributes, "weightDecay", 0)),
        momentum(nonNegativeSetting(spec.attributes, "momentum", 0)),
        dampening(spec.attributes.numberOr("dampening", 0)),
        nesterov(spec.attributes.numberOr("nesterov", 0) != 0) {
    if (nesterov && (momentum <= 0 || dampening != 0)) {
      throw std::invalid_argument("optimizer: nesterov needs momentum > 0 and dampening 0");
    }
  }

  int slots() const override { return momentum != 0 ? 1 : 0; }

  void update(const OptimizerStep& step, const OptimizerRange& range) const override {
    const SgdRule numbers = sgdRule(step);
    if (momentum == 0) return HWY_DYNAMIC_DISPATCH(sgdPlain)(numbers, range.count, range.gradient, range.parameter);
    HWY_DYNAMIC_DISPATCH(sgdMomentum)(numbers, range.count, range.gradient, range.parameter, range.state[0]);
  }

  UpdateRule rule(const OptimizerStep& step) const override {
    UpdateRule result{};
    result.kind = UpdateRule::Kind::sgd;
    result.sgd = sgdRule(step);
    return result;
  }

 private:
  SgdRule sgdRule(const OptimizerStep& step) const {
    return {static_cast<float>(step.learningRate),
            static_cast<float>(weightDecay),
            static_cast<float>(momentum),
            static_cast<float>(1 - dampening),
            nesterov,
            step.step == 1};
  }

  const double weightDecay, momentum, dampening;
  const bool nesterov;
};

HUSHGRAD_OPTIMIZER("sgd", Sgd);

}  // namespace hushgrad
#endif
