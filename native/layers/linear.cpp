// y = x·Wᵀ + bias over the last dimension; the dimensions before it are T positions. W is [out, in], g = Σ_t e_t a_tᵀ.
#include <algorithm>
#include <optional>
#include <vector>

#include "layers/cancelling.h"
#include "layers/ghost_norm.h"
#include "layers/layer.h"
#include "layers/scratch.h"
#include "layers/slots.h"

namespace hushgrad {
namespace {

class Linear : public Layer {
 public:
  explicit Linear(const LayerSetup& setup)
      : Layer(setup),
        slots(setup.node),
        in(setup.node.attributes.integer("inFeatures")),
        out(setup.node.attributes.integer("outFeatures")),
        positions(elementCount(setup.inputShapes.at(0)) / in),
        masked(setup.masked),
        ghost(setup.backend, {positions, 1, in, out}),
        inputSquares(static_cast<size_t>(capacity)),
        outputSquares(static_cast<size_t>(capacity)) {}

  Layout layout() const override { return Layout::plain; }
  bool backwardReadsInput() const override { return true; }
  bool viewsArePositions() const override { return true; }
  int64_t scratchFloats() const override { return std::max(sumScratch(), normScratch()); }

  void forward(Tape& tape) override {
    Gemm product;
    product.transposeB = true;
    product.m = tape.examples * positions;
    product.n = out;
    product.k = in;
    product.a = tape.inputs[0];
    product.lda = in;
    product.b = tape.parameters[kWeight];
    product.ldb = in;
    product.c = tape.output;
    product.ldc = out;
    backend.gemm(product);
    const float* bias = slots.parameter(tape, kBias);
    if (bias != nullptr) backend.addBias(product.m, out, bias, tape.output);
  }

  void inputGradient(Tape& tape) override {
    Gemm product;
    product.m = tape.examples * positions;
    product.n = in;
    product.k = out;
    product.a = tape.outputGradient;
    product.lda = out;
    product.b = tape.parameters[kWeight];
    product.ldb = in;
    product.c = tape.inputGradients[0];
    product.ldc = in;
    backend.gemm(product);
  }

  Cost forwardCost() const override {
    return {productFlops(), floatBytes(positions * (in + out)) + floatBytes(in * out) / capacity};
  }

  int64_t gradientFloats(size_t slot) const override {
    if (!slots.has(slot)) return 0;
    return slot == kWeight ? in * out : out;
  }

  bool hasGhostNorm() const override { return true; }
  bool hasMaskedGhostNorm() const override { return positions == 1; }

  void addGhostNorms(Tape& tape, double* const* norms) override {
    double* weight = slots.of(norms, kWeight);
    double* bias = slots.of(norms, kBias);
    if (positions == 1) return addOuterProductNorms(tape, weight, bias);
    if (weight != nullptr) addGramNorms(tape, weight);
    if (bias == nullptr) return;
    backend.sumPositions(tape.examples, positions, out, tape.outputGradient, tape.scratch, out);
    backend.addSquaredNorms(tape.examples, out, tape.scratch, out, bias);
  }

  void writeGradients(Tape& tape, float* const* gradients, int64_t stride, double* const* norms) override {
    float* weight = slots.of(gradients, kWeight);
    float* bias = slots.of(gradients, kBias);
    double* weightNorms = slots.of(norms, kWeight);
    for (int64_t b = 0; weight != nullptr && b < tape.examples; ++b) {
      multiply(positions, input(tape, b), outputGradient(tape, b), 0, weight + b * stride);
      if (weightNorms) addWrittenNorm(tape, b, weight + b * stride, weightNorms + b);
    }
    if (bias == nullptr) return;
    backend.sumPositions(tape.examples, positions, out, tape.outputGradient, bias, stride);
    double* biasNorms = slots.of(norms, kBias);
    if (biasNorms) backend.addSquaredNorms(tape.examples, out, bias, stride, biasNorms, slots.mask(tape, kBias).bits);
  }

  void addWeightedSum(Tape& tape, const float* const* factors, float* const* sums) override {
    float* weight = slots.of(sums, kWeight);
    float* bias = slots.of(sums, kBias);
    Scratch parts(tape.scratch);
    float* room = parts.take(capacity * positions * out);
    if (weight != nullptr) {
      const float* factored = slots.of(factors, kWeight);
      const float* scaled = scaledGradient(tape, factored, room);
      multiply(tape.examples * positions, tape.inputs[0], scaled, 1, weight);
      addCancelling(backend, tape, factored, in * out, parts.rest(), weight, [&](int64_t b, float* written) {
        multiply(positions, input(tape, b), outputGradient(tape, b), 0, written);
      });
    }
    if (bias == nullptr) return;
    // Positions first: those of one example may cancel, and its sum is what its factor bounds.
    if (positions > 1) backend.sumPositions(tape.examples, positions, out, tape.outputGradient, room, out);
    const float* biasGradients = positions > 1 ? room : tape.outputGradient;
    backend.addWeightedRows(tape.examples, out, biasGradients, out, slots.of(factors, kBias), bias);
  }

  // One position: the weight's sum is EᵀA over however many examples. Rows of A and E lie side by side.
  int64_t operandFloats(size_t slot) const override {
    return positions == 1 && slot == kWeight && slots.has(slot) ? outputGradientOffset() + wholeLines(out) + kLine : 0;
  }

  void keepOperands(Tape& tape, size_t slot, const float* factors, float* operands) override {
    const SlotMask mask = slots.mask(tape, slot);
    for (int64_t b = 0; b < tape.examples; ++b, operands += operandFloats(slot)) {
      gather(mask.columns, in, input(tape, b), operands);
      float* scaled = operands + outputGradientOffset();
      const int64_t kept = gather(mask.rows, out, outputGradient(tape, b), scaled);
      if (factors == nullptr) continue;
      backend.scaleRows(1, kept, factors + b, scaled, scaled);
      if (mask.bits != nullptr) backend.zeroCoarse(kept, scaled);
    }
  }

  // Whole rows of the weight, the first and the last of which may stick out of the tile. Under a mask of rows or
  // columns the product of those that take part, spread to their places.
  const float* multiplyOperands(size_t slot, const SlotMask& mask, int64_t examples, const float* operands,
                                int64_t first, int64_t count, float* room) const override {
    const int64_t row = first / in;
    const Range rows = keptIn(mask.rows, row, (first + count - 1) / in + 1);
    Gemm product;
    product.transposeA = true;
    product.m = rows.count;
    product.n = mask.columns ? mask.columns->count : in;
    product.k = examples;
    product.a = operands + outputGradientOffset() + rows.first;
    product.lda = operandFloats(slot);
    product.b = operands;
    product.ldb = operandFloats(slot);
    product.c = room;
    product.ldc = product.n;
    if (product.m > 0 && product.n > 0) backend.gemm(product);
    spread(mask, row, rows, product.n, room);
    return room + first - row * in;
  }
  int64_t tileFloats(size_t slot, int64_t count) const override { return (void)slot, count + 2 * in; }

  Cost ghostNormCost() const override {
    double gradientBytes = floatBytes(positions * out);
    if (positions == 1) return {2.0 * (in + out), floatBytes(in) + gradientBytes};
    return {ghost.flops() + positions * out, ghost.bytes() + gradientBytes};
  }
  Cost writeCost() const override {
    return {productFlops() + positions * out, floatBytes(positions * (in + out) + in * out)};
  }
  Cost weightedSumCost() const override {
    double accumulator = 2 * floatBytes(in * out) / capacity;
    return {productFlops() + 2.0 * positions * out, floatBytes(positions * (in + 3 * out)) + accumulator};
  }

 private:
  // A line behind each row of operands keeps their distance off the powers of two, which caches dislike.
  static constexpr int64_t kLine = 16;
  static int64_t wholeLines(int64_t floats) { return (floats + kLine - 1) / kLine * kLine; }
  int64_t outputGradientOffset() const { return wholeLines(in); }
  static double floatBytes(int64_t count) { return sizeof(float) * static_cast<double>(count); }
  double productFlops() const { return 2.0 * positions * in * out; }
  int64_t sumScratch() const { return Scratch::sizeOf({capacity * positions * out, positions == 1 ? 0 : in * out}); }
  int64_t normScratch() const {
    if (positions > 1) return std::max(ghost.scratchFloats(), in * out);
    return masked ? backend.maskedOuterFloats(out) : 0;
  }
  const float* input(const Tape& tape, int64_t b) const { return tape.inputs[0] + b * positions * in; }
  const float* outputGradient(const Tape& tape, int64_t b) const { return tape.outputGradient + b * positions * out; }

  struct Range {
    int64_t first, count;
  };

  // Which of the kept slices are those of first … last; without slices, all are kept.
  static Range keptIn(const Slices* slices, int64_t first, int64_t last) {
    if (slices == nullptr) return {first, last - first};
    const int32_t* end = slices->kept + slices->count;
    const int32_t* from = std::lower_bound(slices->kept, end, first);
    return {from - slices->kept, std::lower_bound(from, end, last) - from};
  }

  // The kept elements of x side by side; returns how many.
  static int64_t gather(const Slices* slices, int64_t count, const float* x, float* kept) {
    if (slices == nullptr) return std::copy_n(x, count, kept), count;
    for (int64_t k = 0; k < slices->count; ++k) kept[k] = x[slices->kept[k]];
    return slices->count;
  }

  // From rows that lie side by side to their places in a tile that begins with row `row`. Backwards, for no element
  // moves to the left.
  void spread(const SlotMask& mask, int64_t row, const Range& rows, int64_t width, float* room) const {
    for (int64_t r = rows.count - 1; mask.rows != nullptr && r >= 0; --r) {
      const float* from = room + r * in;
      std::copy_backward(from, from + in, room + (mask.rows->kept[rows.first + r] - row + 1) * in);
    }
    for (int64_t r = rows.count - 1; mask.columns != nullptr && r >= 0; --r) {
      for (int64_t k = width - 1; k >= 0; --k) room[r * in + mask.columns->kept[k]] = room[r * width + k];
    }
  }

  // weight = eᵀ·a + beta · weight over `rows` positions.
  void multiply(int64_t rows, const float* a, const float* e, float beta, float* weight) {
    Gemm product;
    product.transposeA = true;
    product.m = out;
    product.n = in;
    product.k = rows;
    product.a = e;
    product.lda = out;
    product.b = a;
    product.ldb = in;
    product.beta = beta;
    product.c = weight;
    product.ldc = in;
    backend.gemm(product);
  }

  const float* scaledGradient(Tape& tape, const float* factors, float* room) {
    if (factors == nullptr) return tape.outputGradient;
    backend.scaleRows(tape.examples, positions * out, factors, tape.outputGradient, room);
    if (!tape.masks.empty()) backend.zeroCoarse(tape.examples * positions * out, room);
    clearCancelling(backend, tape, positions * out, room);
    return room;
  }

  void addWrittenNorm(Tape& tape, int64_t b, const float* gradient, double* norm) {
    double squared = 0;
    backend.addSquaredNorms(1, in * out, gradient, 0, &squared, slots.mask(tape, kWeight).bits);
    *norm += squared;
    if (!tape.cancels || positions == 1) return;
    double inputSquares = 0, outputSquares = 0;
    backend.addSquaredNorms(1, positions * in, input(tape, b), 0, &inputSquares);
    backend.addSquaredNorms(1, positions * out, outputGradient(tape, b), 0, &outputSquares);
    tape.cancels[b] = termsMayCancel(inputSquares * outputSquares, squared, positions);
  }

  // One position: g = e aᵀ, so ‖g‖² = ‖a‖²‖e‖², with nothing that could cancel; of whole rows or columns likewise.
  void addOuterProductNorms(Tape& tape, double* weight, double* bias) {
    if (bias != nullptr)
      backend.addSquaredNorms(tape.examples, out, tape.outputGradient, out, bias, slots.mask(tape, kBias).bits);
    if (weight == nullptr) return;
    const SlotMask mask = slots.mask(tape, kWeight);
    if (mask.bits != nullptr && mask.rows == nullptr && mask.columns == nullptr) {
      return backend.addMaskedOuterNorms({tape.examples, out, in, tape.inputs[0], tape.outputGradient, mask.bits},
                                         tape.scratch, weight);
    }
    auto bitsOf = [](const Slices* slices) { return slices == nullptr ? nullptr : slices->bits; };
    std::fill(outputSquares.begin(), outputSquares.end(), 0.0);
    std::fill(inputSquares.begin(), inputSquares.end(), 0.0);
    backend.addSquaredNorms(tape.examples, out, tape.outputGradient, out, outputSquares.data(), bitsOf(mask.rows));
    backend.addSquaredNorms(tape.examples, in, tape.inputs[0], in, inputSquares.data(), bitsOf(mask.columns));
    for (int64_t b = 0; b < tape.examples; ++b) weight[b] += inputSquares[b] * outputSquares[b];
  }

  void addGramNorms(Tape& tape, double* norms) {
    for (int64_t b = 0; b < tape.examples; ++b) {
      std::optional<double> squared = ghost.squared(input(tape, b), outputGradient(tape, b), tape.scratch);
      if (tape.cancels) tape.cancels[b] = !squared;
      if (squared) {
        norms[b] += *squared;
        continue;
      }
      multiply(positions, input(tape, b), outputGradient(tape, b), 0, tape.scratch);
      backend.addSquaredNorms(1, in * out, tape.scratch, 0, norms + b);
    }
  }

  const Slots slots;
  const int64_t in, out, positions;
  const bool masked;
  const GhostNorm ghost;
  std::vector<double> inputSquares, outputSquares;
};

HUSHGRAD_LAYER("Linear", Linear);

}  // namespace
}  // namespace hushgrad
