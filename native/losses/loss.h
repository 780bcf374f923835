// A loss maps one example's outputs and target to one number, normalised within the example: nothing here ever
// looks at two examples. One file a loss, registered like a layer.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "backend/backend.h"
#include "graph/spec.h"

namespace hushgrad {

enum class TargetKind { classes, values };  // int32 [targetElements] or float32 [targetElements] an example

struct LossSpec {
  std::string kind;  // "crossEntropy"
  Attributes attributes;
  Shape outputShape;  // of the model, PyTorch's order
};

class Loss {
 public:
  virtual ~Loss() = default;
  virtual TargetKind targetKind() const = 0;
  virtual int64_t targetElements() const = 0;  // an example
  virtual int64_t scratchFloats(int64_t capacity) const { return (void)capacity, 0; }
  // losses[b], and outputGradients[b, ·] = d losses[b] / d outputs[b, ·] (null: not wanted).
  // A class outside its range yields NaN for that example alone.
  virtual void evaluate(int64_t examples, const float* outputs, const void* targets, double* losses,
                        float* outputGradients, float* scratch) = 0;
};

using LossFactory = std::function<std::unique_ptr<Loss>(const LossSpec&)>;
bool registerLoss(const std::string& kind, LossFactory factory);
std::unique_ptr<Loss> makeLoss(const LossSpec& spec);

#define HUSHGRAD_LOSS(kind, Class)      \
  static const bool registered##Class = \
      ::hushgrad::registerLoss(kind, [](const ::hushgrad::LossSpec& spec) { return std::make_unique<Class>(spec); })

}  // namespace hushgrad
