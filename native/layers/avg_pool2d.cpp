// The mean of each window, channel by channel.
#include "layers/layer.h"
#include "layers/window.h"

namespace hushgrad {
namespace {

class AvgPool2d : public Layer {
 public:
  explicit AvgPool2d(const LayerSetup& setup) : Layer(setup), window(windowOf(setup)) {}

  Layout layout() const override { return Layout::channelsLast; }
  bool backwardReadsInput() const override { return false; }

  void forward(Tape& tape) override { backend.averagePool(window, tape.examples, tape.inputs[0], tape.output); }
  void inputGradient(Tape& tape) override {
    backend.averagePoolGradient(window, tape.examples, tape.outputGradient, tape.inputGradients[0]);
  }
  Cost forwardCost() const override {
    double additions = static_cast<double>(outputElements) * window.kernelHeight * window.kernelWidth;
    return {additions, sizeof(float) * static_cast<double>(window.inElements() + outputElements)};
  }

 private:
  const Window window;
};

HUSHGRAD_LAYER("AvgPool2d", AvgPool2d);

}  // namespace
}  // namespace hushgrad
