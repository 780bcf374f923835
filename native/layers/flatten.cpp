// The same memory under another shape: [C, H, W] to [C·H·W] in PyTorch's order, and to [H·W, C], which is the
// channels-last order of a picture.
#include <cstring>

#include "layers/layer.h"

namespace hushgrad {
namespace {

class View : public Layer {
 public:
  using Layer::Layer;

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

class Flatten : public View {
 public:
  using View::View;
  Layout layout() const override { return Layout::plain; }
};

class ChannelsLast : public View {
 public:
  using View::View;
  Layout layout() const override { return Layout::channelsLast; }
  Layout outputLayout() const override { return Layout::plain; }
};

HUSHGRAD_LAYER("Flatten", Flatten);
HUSHGRAD_LAYER("ChannelsLast", ChannelsLast);

}  // namespace
}  // namespace hushgrad
