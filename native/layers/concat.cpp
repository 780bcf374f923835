// Values side by side along one dimension. In memory each is a matrix whose rows are what lies from that dimension on;
// the output's rows are theirs in turn.
#include "layers/layer.h"
#include "layers/memory_order.h"

namespace hushgrad {
namespace {

class Concat : public Layer {
 public:
  explicit Concat(const LayerSetup& setup) : Layer(setup), order(layoutOfRank(setup.outputShape)) {
    const size_t place =
        placeInMemory(setup.outputShape, static_cast<size_t>(setup.node.attributes.integer("dimension")));
    for (const Shape& shape : setup.inputShapes) {
      const Shape extents = inMemoryOrder(shape);
      rows = elementCount({extents.begin(), extents.begin() + static_cast<std::ptrdiff_t>(place)});
      columns.push_back(elementCount(shape) / rows);
    }
  }

  Layout layout() const override { return order; }
  bool backwardReadsInput() const override { return false; }

  void forward(Tape& tape) override {
    float* y = tape.output;
    for (size_t k = 0; k < columns.size(); y += columns[k++])
      backend.copyRows(tape.examples * rows, columns[k], tape.inputs[k], columns[k], y, width());
  }

  void inputGradient(Tape& tape) override {
    const float* dy = tape.outputGradient;
    for (size_t k = 0; k < columns.size(); dy += columns[k++]) {
      if (tape.inputGradients[k] == nullptr) continue;
      backend.copyRows(tape.examples * rows, columns[k], dy, width(), tape.inputGradients[k], columns[k]);
    }
  }

  Cost forwardCost() const override { return {0, sizeof(float) * 2.0 * static_cast<double>(outputElements)}; }

 private:
  int64_t width() const { return outputElements / rows; }

  const Layout order;
  int64_t rows = 1;              // of one example
  std::vector<int64_t> columns;  // by input
};

HUSHGRAD_LAYER("Concat", Concat);

}  // namespace
}  // namespace hushgrad
