// The adjoint of a convolution (torch.nn.ConvTranspose2d): its output is what the convolution's input gradient would
// be, and its input gradient the convolution's output. The window slides over this layer's output.
#include "layers/convolution_layer.h"
#include "layers/window.h"

namespace hushgrad {
namespace {

class ConvTranspose2d : public ConvolutionLayer {
 public:
  explicit ConvTranspose2d(const LayerSetup& setup)
      : ConvolutionLayer(setup, windowOf(setup.node, setup.outputShape, setup.inputShapes.at(0)), true) {}

  void forward(Tape& tape) override {
    convolution->inputGradient(tape.examples, tape.inputs[0], tape.packed, tape.output, tape.scratch);
    const float* bias = slots.parameter(tape, kBias);
    if (bias != nullptr) backend.addBias(tape.examples * outputElements / channels, channels, bias, tape.output);
  }

  void inputGradient(Tape& tape) override {
    convolution->forward(tape.examples, tape.outputGradient, tape.packed, nullptr, tape.inputGradients[0],
                         tape.scratch);
  }

 private:
  const float* pictures(const Tape& tape) const override { return tape.outputGradient; }
  const float* responses(const Tape& tape) const override { return tape.inputs[0]; }
};

HUSHGRAD_LAYER("ConvTranspose2d", ConvTranspose2d);

}  // namespace
}  // namespace hushgrad
