// The largest element of each window, channel by channel; the gradient goes to the first of equals, as in PyTorch: of a
// volume, to the first plane that has it and to the first of equals there.
#include "layers/layer.h"
#include "layers/window.h"

namespace hushgrad {
namespace {

class MaxPool2d : public Layer {
 public:
  explicit MaxPool2d(const LayerSetup& setup)
      : Layer(setup), window(windowOf(setup)), picture(pictureWindow(window)), depth(depthWindow(window)) {}

  Layout layout() const override { return Layout::channelsLast; }
  bool backwardReadsInput() const override { return false; }
  int64_t savedFloats() const override { return outputElements + scratchFloats(); }  // int32 indices
  int64_t scratchFloats() const override { return window.isPicture() ? 0 : depth.inElements(); }

  void forward(Tape& tape) override {
    if (window.isPicture()) return backend.maxPool(window, tape.examples, tape.inputs[0], tape.output, chosen(tape, 0));
    for (int64_t b = 0; b < tape.examples; ++b) {
      int32_t* indices = chosen(tape, b);
      backend.maxPool(picture, window.inDepth, tape.inputs[0] + b * window.inElements(), tape.scratch,
                      indices + outputElements);
      backend.maxPool(depth, 1, tape.scratch, tape.output + b * outputElements, indices);
    }
  }
  void inputGradient(Tape& tape) override {
    float* dx = tape.inputGradients[0];
    if (window.isPicture())
      return backend.maxPoolGradient(window, tape.examples, chosen(tape, 0), tape.outputGradient, dx);
    for (int64_t b = 0; b < tape.examples; ++b) {
      const int32_t* indices = chosen(tape, b);
      backend.maxPoolGradient(depth, 1, indices, tape.outputGradient + b * outputElements, tape.scratch);
      backend.maxPoolGradient(picture, window.inDepth, indices + outputElements, tape.scratch,
                              dx + b * window.inElements());
    }
  }
  Cost forwardCost() const override {
    double comparisons = static_cast<double>(outputElements) * window.taps();
    return {comparisons, sizeof(float) * static_cast<double>(window.inElements() + 2 * outputElements)};
  }

 private:
  int32_t* chosen(Tape& tape, int64_t b) const { return reinterpret_cast<int32_t*>(tape.saved + b * savedFloats()); }

  static_assert(sizeof(int32_t) == sizeof(float), "indices are kept where savedFloats() counts floats");
  const Window window, picture, depth;
};

using MaxPool3d = MaxPool2d;
HUSHGRAD_LAYER("MaxPool2d", MaxPool2d);
HUSHGRAD_LAYER("MaxPool3d", MaxPool3d);

}  // namespace
}  // namespace hushgrad
