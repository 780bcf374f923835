// Elementwise functions. All but GELU have a derivative that can be told from the output alone, so they run in place.
#include <stdexcept>

#include "layers/layer.h"

namespace hushgrad {
namespace {

class ActivationLayer : public Layer {
 public:
  ActivationLayer(const LayerSetup& setup, const Activation& function) : Layer(setup), function(function) {}

  Layout layout() const override { return Layout::either; }
  bool backwardReadsInput() const override { return needsInput(); }
  bool backwardReadsOutput() const override { return !needsInput(); }
  bool runsInPlace() const override { return !needsInput(); }

  void forward(Tape& tape) override {
    backend.activate(function, tape.examples * outputElements, tape.inputs[0], tape.output);
  }
  void inputGradient(Tape& tape) override {
    const float* x = needsInput() ? tape.inputs[0] : nullptr;
    const float* y = needsInput() ? nullptr : tape.output;
    backend.activateGradient(function, tape.examples * outputElements, x, y, tape.outputGradient,
                             tape.inputGradients[0]);
  }
  Cost forwardCost() const override {
    double elements = static_cast<double>(outputElements);
    return {flopsAnElement() * elements, sizeof(float) * 2 * elements};
  }

 private:
  bool needsInput() const { return function.kind == ActivationKind::gelu || function.kind == ActivationKind::geluTanh; }
  double flopsAnElement() const {
    bool linearPieces = function.kind == ActivationKind::relu || function.kind == ActivationKind::leakyRelu;
    return linearPieces ? 1 : 20;
  }

  const Activation function;
};

class ReLU : public ActivationLayer {
 public:
  explicit ReLU(const LayerSetup& setup) : ActivationLayer(setup, {ActivationKind::relu}) {}
};

class LeakyReLU : public ActivationLayer {
 public:
  explicit LeakyReLU(const LayerSetup& setup) : ActivationLayer(setup, {ActivationKind::leakyRelu, slopeOf(setup)}) {}

 private:
  // The gradient reads the sign of x off y, which a negative slope would lose.
  static float slopeOf(const LayerSetup& setup) {
    double slope = setup.node.attributes.number("slope");
    if (slope >= 0) return static_cast<float>(slope);
    throw std::invalid_argument("layer '" + setup.node.path + "' (LeakyReLU) got slope " + std::to_string(slope) +
                                "; it must be at least 0");
  }
};

class Tanh : public ActivationLayer {
 public:
  explicit Tanh(const LayerSetup& setup) : ActivationLayer(setup, {ActivationKind::tanh}) {}
};

class Sigmoid : public ActivationLayer {
 public:
  explicit Sigmoid(const LayerSetup& setup) : ActivationLayer(setup, {ActivationKind::sigmoid}) {}
};

class GELU : public ActivationLayer {
 public:
  explicit GELU(const LayerSetup& setup) : ActivationLayer(setup, {kindOf(setup)}) {}

 private:
  static ActivationKind kindOf(const LayerSetup& setup) {
    return setup.node.attributes.numberOr("tanh", 0) != 0 ? ActivationKind::geluTanh : ActivationKind::gelu;
  }
};

HUSHGRAD_LAYER("ReLU", ReLU);
HUSHGRAD_LAYER("LeakyReLU", LeakyReLU);
HUSHGRAD_LAYER("Tanh", Tanh);
HUSHGRAD_LAYER("Sigmoid", Sigmoid);
HUSHGRAD_LAYER("GELU", GELU);

}  // namespace
}  // namespace hushgrad
