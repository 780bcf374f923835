// A border of one number around a value; where the border is negative, less of the value (torch.nn.functional.pad).
#include <algorithm>
#include <array>

#include "layers/layer.h"
#include "layers/memory_order.h"

namespace hushgrad {
namespace {

// What is copied along one dimension: `count` positions, from `inFirst` of the input to `outFirst` of the output.
struct Overlap {
  int64_t in = 1, out = 1, count = 1, inFirst = 0, outFirst = 0;
};

Overlap overlapOf(int64_t extent, int64_t before, int64_t after) {
  const int64_t cutBefore = std::max<int64_t>(-before, 0), cutAfter = std::max<int64_t>(-after, 0);
  return {extent, extent + before + after, extent - cutBefore - cutAfter, cutBefore, std::max<int64_t>(before, 0)};
}

class Pad : public Layer {
 public:
  explicit Pad(const LayerSetup& setup)
      : Layer(setup),
        order(layoutOfRank(setup.outputShape)),
        value(static_cast<float>(setup.node.attributes.numberOr("value", 0))),
        inputElements(elementCount(setup.inputShapes.at(0))) {
    std::vector<Overlap> dimensions;
    for (size_t d = 0; d < setup.outputShape.size(); ++d) {
      const Attributes& attributes = setup.node.attributes;
      dimensions.push_back(
          overlapOf(setup.inputShapes[0][d], attributes.integer("before", d), attributes.integer("after", d)));
    }
    dimensions = inMemoryOrder(dimensions);
    std::copy(dimensions.begin(), dimensions.end(), overlaps.end() - static_cast<std::ptrdiff_t>(dimensions.size()));
  }

  Layout layout() const override { return order; }
  bool backwardReadsInput() const override { return false; }

  void forward(Tape& tape) override {
    backend.fill(tape.examples * outputElements, value, tape.output);
    forEachMatrix(tape.examples, [&](int64_t from, int64_t to) {
      backend.copyRows(overlaps[2].count, overlaps[3].count, tape.inputs[0] + from, overlaps[3].in, tape.output + to,
                       overlaps[3].out);
    });
  }

  void inputGradient(Tape& tape) override {
    backend.fill(tape.examples * inputElements, 0, tape.inputGradients[0]);
    forEachMatrix(tape.examples, [&](int64_t from, int64_t to) {
      backend.copyRows(overlaps[2].count, overlaps[3].count, tape.outputGradient + to, overlaps[3].out,
                       tape.inputGradients[0] + from, overlaps[3].in);
    });
  }

  Cost forwardCost() const override {
    return {0, sizeof(float) * static_cast<double>(inputElements + 2 * outputElements)};
  }

 private:
  // copy(offset in the input, offset in the output) of every matrix of the last two dimensions that is copied.
  template <class Copy>
  void forEachMatrix(int64_t examples, const Copy& copy) const {
    for (int64_t b = 0; b < examples; ++b)
      for (int64_t i = 0; i < overlaps[0].count; ++i)
        for (int64_t j = 0; j < overlaps[1].count; ++j) {
          int64_t from = b, to = b;
          for (size_t d = 0; d < overlaps.size(); ++d) {
            const int64_t step = d == 0 ? i : d == 1 ? j : 0;
            from = from * overlaps[d].in + overlaps[d].inFirst + step;
            to = to * overlaps[d].out + overlaps[d].outFirst + step;
          }
          copy(from, to);
        }
  }

  const Layout order;
  const float value;
  const int64_t inputElements;
  std::array<Overlap, 4> overlaps;  // in memory's order, the first ones without extent
};

HUSHGRAD_LAYER("Pad", Pad);

}  // namespace
}  // namespace hushgrad
