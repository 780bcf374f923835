// Inverted dropout. The mask is a function of the step's key and the element's place in the logical batch, so it is
// the same for every chunk size, and backward passes draw it anew instead of keeping it.
#include <cstring>

#include "layers/layer.h"

namespace hushgrad {
namespace {

class Dropout : public Layer {
 public:
  explicit Dropout(const LayerSetup& setup)
      : Layer(setup), rate(static_cast<float>(setup.node.attributes.number("rate"))) {}

  Layout layout() const override { return Layout::either; }
  bool backwardReadsInput() const override { return false; }
  bool runsInPlace() const override { return true; }

  void forward(Tape& tape) override { apply(tape, tape.inputs[0], tape.output); }
  void inputGradient(Tape& tape) override { apply(tape, tape.outputGradient, tape.inputGradients[0]); }
  Cost forwardCost() const override {
    double elements = static_cast<double>(outputElements);
    return {10 * elements, sizeof(float) * 2 * elements};
  }

 private:
  void apply(const Tape& tape, const float* x, float* y) const {
    int64_t count = tape.examples * outputElements;
    if (tape.training && rate > 0) {
      uint64_t position = tape.firstExample * static_cast<uint64_t>(outputElements);
      backend.dropout(tape.dropoutKey, position, rate, count, x, y);
      return;
    }
    if (x != y) std::memcpy(y, x, sizeof(float) * static_cast<size_t>(count));
  }

  const float rate;
};

HUSHGRAD_LAYER("Dropout", Dropout);

}  // namespace
}  // namespace hushgrad
