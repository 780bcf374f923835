// [C, H, W] to [C·H·W] in PyTorch's order: the same memory under another shape.
#include <cstring>

#include "layers/layer.h"

namespace hushgrad {
namespace {

class Flatten : public Layer {
 public:
  explicit Flatten(const LayerSetup& setup) : Layer(setup) {}

  Layout layout() const override { return Layout::plain; }
  bool backwardReadsInput() const override { return false; }
  bool isView() const override { return true; }

  void forward(Tape& tape) override { copy(tape, tape.inputs[0], tape.output); }
  void inputGradient(Tape& tape) override { copy(tape, tape.outputGradient, tape.inputGradients[0]); }
  Cost forwardCost() const override { return {}; }

 private:
  // Only for a caller that gave both sides memory of their own.
  void copy(const Tape& tape, const float* from, float* to) const {
    if (from != to) std::memcpy(to, from, sizeof(float) * static_cast<size_t>(tape.examples * outputElements));
  }
};

HUSHGRAD_LAYER("Flatten", Flatten);

}  // namespace
}  // namespace hushgrad
