// The optimizers' formulas for one element, and the numbers they take, for kernels elsewhere; sgd.cpp, adam.cpp,
// rmsprop.cpp and adagrad.cpp hold the same formulas in vector form, and say what they are. Both round alike: where
// those have a fused product and sum, there is an fma here.
#pragma once

#include <cmath>
#include <cstdint>

#include "backend/portable.h"

namespace hushgrad {

struct SgdRule {
  float learningRate, weightDecay, momentum, undamped;  // undamped = 1 − dampening
  bool nesterov, first;
};

struct AdamRule {
  float shrink, weightDecay;             // 1 − lr·decay and 0 for AdamW, 1 and decay for Adam
  float newMean, oldSquare, newSquare;   // 1 − β₁, β₂, 1 − β₂
  float stepSize, inverseRoot, epsilon;  // lr/(1 − β₁ᵗ), 1/√(1 − β₂ᵗ), ε
};

struct RmspropRule {
  float learningRate, weightDecay, alpha, undamped, epsilon, momentum;  // undamped = 1 − alpha
  bool buffered, centered;
};

struct AdagradRule {
  float learningRate, weightDecay, epsilon;  // lr/(1 + (t − 1)·lrDecay)
};

// Plain numbers, so that it can be passed to a kernel.
struct UpdateRule {
  enum class Kind : int32_t { sgd, adam, rmsprop, adagrad };
  Kind kind;
  SgdRule sgd;
  AdamRule adam;
  RmspropRule rmsprop;
  AdagradRule adagrad;
};

// state: this element's number in each of the optimizer's slots, updated in place. Each gives the new parameter.

HUSHGRAD_PORTABLE inline float updateOf(const SgdRule& rule, float gradient, float parameter, float* state) {
  const float g = fmaf(rule.weightDecay, parameter, gradient);
  if (rule.momentum == 0) return fmaf(-rule.learningRate, g, parameter);
  const float kept = rule.first ? 0.0f : rule.momentum, added = rule.first ? 1.0f : rule.undamped;
  const float lookAhead = rule.nesterov ? rule.momentum : 1.0f, direct = rule.nesterov ? 1.0f : 0.0f;
  const float b = fmaf(kept, state[0], added * g);
  state[0] = b;
  return fmaf(-rule.learningRate, fmaf(lookAhead, b, direct * g), parameter);
}

HUSHGRAD_PORTABLE inline float updateOf(const AdamRule& rule, float gradient, float parameter, float* state) {
  const float g = fmaf(rule.weightDecay, parameter, gradient);
  const float m = fmaf(rule.newMean, g - state[0], state[0]);
  const float v = fmaf(rule.oldSquare, state[1], g * g * rule.newSquare);
  state[0] = m;
  state[1] = v;
  const float divisor = fmaf(sqrtf(v), rule.inverseRoot, rule.epsilon);
  return fmaf(-rule.stepSize, m / divisor, parameter * rule.shrink);
}

HUSHGRAD_PORTABLE inline float updateOf(const RmspropRule& rule, float gradient, float parameter, float* state) {
  const float g = fmaf(rule.weightDecay, parameter, gradient);
  float v = fmaf(rule.alpha, state[0], g * g * rule.undamped);
  state[0] = v;
  if (rule.centered) {
    // Not state[rule.buffered ? 2 : 1] = …: an index that is not constant would take a GPU's registers to memory.
    const float old = rule.buffered ? state[2] : state[1];
    const float mean = fmaf(rule.undamped, g - old, old);
    if (rule.buffered) state[2] = mean;
    if (!rule.buffered) state[1] = mean;
    v = fmaxf(fmaf(-mean, mean, v), 0.0f);
  }
  float move = g / (sqrtf(v) + rule.epsilon);
  if (rule.buffered) {
    move = fmaf(rule.momentum, state[1], move);
    state[1] = move;
  }
  return fmaf(-rule.learningRate, move, parameter);
}

HUSHGRAD_PORTABLE inline float updateOf(const AdagradRule& rule, float gradient, float parameter, float* state) {
  const float g = fmaf(rule.weightDecay, parameter, gradient);
  const float sum = fmaf(g, g, state[0]);
  state[0] = sum;
  return fmaf(-rule.learningRate, g / (sqrtf(sum) + rule.epsilon), parameter);
}

// How many slots of state a rule has.
HUSHGRAD_PORTABLE inline int slotsOf(const UpdateRule& rule) {
  if (rule.kind == UpdateRule::Kind::sgd) return rule.sgd.momentum != 0 ? 1 : 0;
  if (rule.kind == UpdateRule::Kind::adam) return 2;
  if (rule.kind == UpdateRule::Kind::adagrad) return 1;
  return 1 + (rule.rmsprop.buffered ? 1 : 0) + (rule.rmsprop.centered ? 1 : 0);
}

HUSHGRAD_PORTABLE inline float updateOf(const UpdateRule& rule, float gradient, float parameter, float* state) {
  if (rule.kind == UpdateRule::Kind::sgd) return updateOf(rule.sgd, gradient, parameter, state);
  if (rule.kind == UpdateRule::Kind::adam) return updateOf(rule.adam, gradient, parameter, state);
  if (rule.kind == UpdateRule::Kind::adagrad) return updateOf(rule.adagrad, gradient, parameter, state);
  return updateOf(rule.rmsprop, gradient, parameter, state);
}

}  // namespace hushgrad
