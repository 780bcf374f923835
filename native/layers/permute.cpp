// Between PyTorch's [C, H, W] or [C, L] and the engine's channels-last order. The engine inserts them where a value of
// one layout meets a layer of the other; shapes stay the same on both sides, only the order in memory changes.
#include <stdexcept>

#include "layers/layer.h"

namespace hushgrad {
namespace {

class Permute : public Layer {
 public:
  explicit Permute(const LayerSetup& setup) : Layer(setup), channels(pictureOf(setup)[0]) {
    pixels = outputElements / channels;
  }

  bool backwardReadsInput() const override { return false; }
  bool isView() const override { return channels == 1 || pixels == 1; }
  Cost forwardCost() const override {
    return isView() ? Cost{} : Cost{0, sizeof(float) * 2.0 * static_cast<double>(outputElements)};
  }

 protected:
  void toChannelsLast(const Tape& tape, const float* from, float* to) const {
    backend.transpose(tape.examples, channels, pixels, from, to);
  }
  void toPlain(const Tape& tape, const float* from, float* to) const {
    backend.transpose(tape.examples, pixels, channels, from, to);
  }

 private:
  static const Shape& pictureOf(const LayerSetup& setup) {
    if (setup.outputShape.size() >= 2) return setup.outputShape;
    throw std::invalid_argument("layer '" + setup.node.path + "' (" + setup.node.kind + ") got a value of rank " +
                                std::to_string(setup.outputShape.size()) + "; it works on [channels, positions …]");
  }

  const int64_t channels;
  int64_t pixels;
};

class ToChannelsLast : public Permute {
 public:
  using Permute::Permute;
  Layout layout() const override { return Layout::channelsLast; }
  void forward(Tape& tape) override { toChannelsLast(tape, tape.inputs[0], tape.output); }
  void inputGradient(Tape& tape) override { toPlain(tape, tape.outputGradient, tape.inputGradients[0]); }
};

class ToPlain : public Permute {
 public:
  using Permute::Permute;
  Layout layout() const override { return Layout::plain; }
  void forward(Tape& tape) override { toPlain(tape, tape.inputs[0], tape.output); }
  void inputGradient(Tape& tape) override { toChannelsLast(tape, tape.outputGradient, tape.inputGradients[0]); }
};

HUSHGRAD_LAYER("ToChannelsLast", ToChannelsLast);
HUSHGRAD_LAYER("ToPlain", ToPlain);

}  // namespace
}  // namespace hushgrad
