// The sum of any number of values of one shape: every one of them has the sum's gradient.
#include "layers/layer.h"

namespace hushgrad {
namespace {

class Add : public Layer {
 public:
  explicit Add(const LayerSetup& setup) : Layer(setup), inputs(setup.inputShapes.size()) {}

  Layout layout() const override { return Layout::either; }
  bool backwardReadsInput() const override { return false; }
  bool runsInPlace() const override { return true; }

  void forward(Tape& tape) override {
    const int64_t count = tape.examples * outputElements;
    if (tape.output != tape.inputs[0]) backend.copyRows(1, count, tape.inputs[0], count, tape.output, count);
    for (size_t k = 1; k < tape.inputs.size(); ++k) backend.add(count, tape.inputs[k], tape.output);
  }

  void inputGradient(Tape& tape) override {
    const int64_t count = tape.examples * outputElements;
    for (float* gradient : tape.inputGradients) {
      if (gradient == nullptr || gradient == tape.outputGradient) continue;
      backend.copyRows(1, count, tape.outputGradient, count, gradient, count);
    }
  }

  Cost forwardCost() const override {
    double elements = static_cast<double>(outputElements);
    return {elements * static_cast<double>(inputs - 1), sizeof(float) * elements * static_cast<double>(inputs + 1)};
  }

 private:
  const size_t inputs;
};

HUSHGRAD_LAYER("Add", Add);

}  // namespace
}  // namespace hushgrad
