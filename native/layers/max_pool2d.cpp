// The largest element of each window, channel by channel; the gradient goes to the first of equals, as in PyTorch.
#include "layers/layer.h"
#include "layers/window.h"

namespace hushgrad {
namespace {

class MaxPool2d : public Layer {
 public:
  explicit MaxPool2d(const LayerSetup& setup) : Layer(setup), window(windowOf(setup)) {}

  Layout layout() const override { return Layout::channelsLast; }
  bool backwardReadsInput() const override { return false; }
  int64_t savedFloats() const override { return outputElements; }  // int32 indices

  void forward(Tape& tape) override {
    backend.maxPool(window, tape.examples, tape.inputs[0], tape.output, chosen(tape));
  }
  void inputGradient(Tape& tape) override {
    backend.maxPoolGradient(window, tape.examples, chosen(tape), tape.outputGradient, tape.inputGradients[0]);
  }
  Cost forwardCost() const override {
    double comparisons = static_cast<double>(outputElements) * window.kernelHeight * window.kernelWidth;
    return {comparisons, sizeof(float) * static_cast<double>(window.inElements() + 2 * outputElements)};
  }

 private:
  static int32_t* chosen(Tape& tape) { return reinterpret_cast<int32_t*>(tape.saved); }

  static_assert(sizeof(int32_t) == sizeof(float), "indices are kept where savedFloats() counts floats");
  const Window window;
};

HUSHGRAD_LAYER("MaxPool2d", MaxPool2d);

}  // namespace
}  // namespace hushgrad
