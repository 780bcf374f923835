// Convolution over [C, H, W], over [C, L] as a picture of height 1, or over [C, D, H, W]: a linear layer applied at
// every output position to the patch of the input beneath it.
#include "layers/convolution_layer.h"
#include "layers/window.h"

namespace hushgrad {
namespace {

class Conv2d : public ConvolutionLayer {
 public:
  explicit Conv2d(const LayerSetup& setup) : ConvolutionLayer(setup, windowOf(setup), setup.needsInputGradient) {}

  void forward(Tape& tape) override {
    const float* bias = slots.parameter(tape, kBias);
    convolution->forward(tape.examples, tape.inputs[0], tape.packed, bias, tape.output, tape.scratch);
  }

  void inputGradient(Tape& tape) override {
    convolution->inputGradient(tape.examples, tape.outputGradient, tape.packed, tape.inputGradients[0], tape.scratch);
  }

 private:
  const float* pictures(const Tape& tape) const override { return tape.inputs[0]; }
  const float* responses(const Tape& tape) const override { return tape.outputGradient; }
};

using Conv3d = Conv2d;
HUSHGRAD_LAYER("Conv2d", Conv2d);
HUSHGRAD_LAYER("Conv3d", Conv3d);

}  // namespace
}  // namespace hushgrad
