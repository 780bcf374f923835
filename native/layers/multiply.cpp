// The product of any number of values of one shape, element by element. The gradient of one factor is the output's
// gradient times the others.
#include "layers/layer.h"

namespace hushgrad {
namespace {

class Multiply : public Layer {
 public:
  explicit Multiply(const LayerSetup& setup) : Layer(setup), inputs(setup.inputShapes.size()) {}

  Layout layout() const override { return Layout::either; }
  bool backwardReadsInput() const override { return true; }

  void forward(Tape& tape) override {
    const int64_t count = tape.examples * outputElements;
    const float* product = tape.inputs[0];
    for (size_t k = 1; k < inputs; ++k) {
      backend.multiply(count, product, tape.inputs[k], tape.output);
      product = tape.output;
    }
  }

  void inputGradient(Tape& tape) override {
    for (size_t k = 0; k < inputs; ++k)
      if (tape.inputGradients[k] != nullptr) gradientOf(tape, k);
  }

  Cost forwardCost() const override {
    double elements = static_cast<double>(outputElements);
    return {elements * static_cast<double>(inputs - 1), sizeof(float) * elements * static_cast<double>(inputs + 1)};
  }

 private:
  void gradientOf(Tape& tape, size_t factor) {
    const float* product = tape.outputGradient;
    for (size_t k = 0; k < inputs; ++k) {
      if (k == factor) continue;
      backend.multiply(tape.examples * outputElements, product, tape.inputs[k], tape.inputGradients[factor]);
      product = tape.inputGradients[factor];
    }
  }

  const size_t inputs;
};

HUSHGRAD_LAYER("Multiply", Multiply);

}  // namespace
}  // namespace hushgrad
