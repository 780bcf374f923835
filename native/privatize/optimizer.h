// Optimizers as PyTorch defines them (torch.optim 2.x), over one contiguous range of one parameter. One file each,
// registered by name like a layer: sgd.cpp, adam.cpp, rmsprop.cpp, adagrad.cpp;
// and dp_adam_bc.cpp, which knows of the noise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "graph/spec.h"
#include "privatize/update_rules.h"

namespace hushgrad {

struct OptimizerSpec {
  std::string kind = "sgd";
  Attributes attributes;  // momentum, nesterov, weightDecay, …: all that stays fixed during training
  bool masked = false;    // whether ranges may come with a mask
};

struct OptimizerStep {
  double learningRate = 0;
  int64_t step = 1;                // counts from 1, for bias correction
  double noiseVariance = 0;        // of the gradient, where it has noise: (σS/qN)²
  const double* shared = nullptr;  // the optimizer's shared numbers, as advance() left them for this step
};

// Part of one parameter.
struct OptimizerRange {
  int64_t count;
  const float* gradient;  // [count], only read
  float* parameter;       // [count], updated in place
  float* const* state;    // [slots][count], updated in place
  // Bit i % 8 of byte i / 8: whether coordinate i has noise; what has none has a gradient of 0. null: all have.
  const uint8_t* mask = nullptr;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual int slots() const = 0;                                // state buffers a parameter
  virtual float initialState(int /*slot*/) const { return 0; }  // of every element, before the first step
  // State that all coordinates of all parameters share, zeros before the first step; advanced once a step, before the
  // ranges are updated.
  virtual int sharedNumbers() const { return 0; }
  virtual void advance(const OptimizerStep& /*step*/, double* /*shared*/) const {}
  virtual void update(const OptimizerStep& step, const OptimizerRange& range) const = 0;
  // The same update as plain numbers, for kernels that are not the CPU's. Throws std::invalid_argument where there is
  // no such form.
  virtual UpdateRule rule(const OptimizerStep& step) const = 0;
};

using OptimizerFactory = std::function<std::unique_ptr<Optimizer>(const OptimizerSpec&)>;
bool registerOptimizer(const std::string& kind, OptimizerFactory factory);
std::unique_ptr<Optimizer> makeOptimizer(const OptimizerSpec& spec);

#define HUSHGRAD_OPTIMIZER(kind, Class)                                \
  static const bool registered##Class = ::hushgrad::registerOptimizer( \
      kind, [](const ::hushgrad::OptimizerSpec& spec) { return std::make_unique<Class>(spec); })

}  // namespace hushgrad
