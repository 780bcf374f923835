// The mean of each window, channel by channel.
#include "layers/layer.h"
#include "layers/window.h"

namespace hushgrad {
namespace {

class AvgPool2d : public Layer {
 public:
  explicit AvgPool2d(const LayerSetup& setup)
      : Layer(setup), window(windowOf(setup)), picture(pictureWindow(window)), depth(depthWindow(window)) {}

  Layout layout() const override { return Layout::channelsLast; }
  bool backwardReadsInput() const override { return false; }
  int64_t scratchFloats() const override { return window.isPicture() ? 0 : capacity * depth.inElements(); }

  void forward(Tape& tape) override {
    if (window.isPicture()) return backend.averagePool(window, tape.examples, tape.inputs[0], tape.output);
    backend.averagePool(picture, tape.examples * window.inDepth, tape.inputs[0], tape.scratch);
    backend.averagePool(depth, tape.examples, tape.scratch, tape.output);
  }
  void inputGradient(Tape& tape) override {
    float* dx = tape.inputGradients[0];
    if (window.isPicture()) return backend.averagePoolGradient(window, tape.examples, tape.outputGradient, dx);
    backend.averagePoolGradient(depth, tape.examples, tape.outputGradient, tape.scratch);
    backend.averagePoolGradient(picture, tape.examples * window.inDepth, tape.scratch, dx);
  }
  Cost forwardCost() const override {
    double additions = static_cast<double>(outputElements) * window.taps();
    return {additions, sizeof(float) * static_cast<double>(window.inElements() + outputElements)};
  }

 private:
  const Window window, picture, depth;
};

using AvgPool3d = AvgPool2d;
HUSHGRAD_LAYER("AvgPool2d", AvgPool2d);
HUSHGRAD_LAYER("AvgPool3d", AvgPool3d);

}  // namespace
}  // namespace hushgrad
