// A layer around another one, whose gradient of an example is made from the other's: the gradient with respect to raw
// weights where the inner layer sees standardised ones, the gradient of several views where it sees one.
//
// Ghost norms say nothing of what becomes of a gradient, so it is always written out. That holds for weighted sums too:
// what is made may be far shorter than what it is made of, and a sum over examples taken before would carry the
// rounding of the longer, which no clip factor bounds.
#pragma once

#include <memory>

#include "layers/layer.h"
#include "layers/slots.h"

namespace hushgrad {

class AdaptedLayer : public Layer {
 public:
  // rowsPerExample: how many of the inner layer's rows are one example.
  AdaptedLayer(const LayerSetup& setup, std::unique_ptr<Layer> inner, int64_t rowsPerExample = 1);

  Layout layout() const override { return inner->layout(); }
  Layout outputLayout() const override { return inner->outputLayout(); }
  bool backwardReadsInput() const override { return inner->backwardReadsInput(); }
  bool backwardReadsOutput() const override { return inner->backwardReadsOutput(); }
  bool runsInPlace() const override { return inner->runsInPlace(); }
  bool isView() const override { return inner->isView(); }
  int64_t savedFloats() const override { return inner->savedFloats(); }
  int64_t scratchFloats() const override;
  int64_t packedFloats() const override { return inner->packedFloats(); }
  void pack(const std::vector<const float*>& parameters, float* packed) const override {
    inner->pack(parameters, packed);
  }
  std::string implementation() const override { return inner->implementation(); }

  int64_t gradientFloats(size_t slot) const override { return inner->gradientFloats(slot); }
  bool hasOwnOrder(size_t slot) const override { return inner->hasOwnOrder(slot); }
  void unpackGradient(size_t slot, const float* gradient, float* parameter) const override {
    inner->unpackGradient(slot, gradient, parameter);
  }

  void writeGradients(Tape& tape, float* const* gradients, int64_t stride, double* const* norms) override;
  void addWeightedSum(Tape& tape, const float* const* factors, float* const* sums) override;
  Cost weightedSumCost() const override;

 protected:
  // gradients[slot] = that of example b; null: not wanted. scratch: exampleFloats().
  virtual void writeExample(const Tape& tape, int64_t b, float* const* gradients, float* scratch) = 0;
  virtual int64_t exampleFloats() const = 0;  // no less than the inner layer's scratch
  // sums[slot] += Σ_b g_b, for the baseline that clips nothing. scratch: exampleFloats().
  virtual void addAll(const Tape& tape, float* const* sums, float* scratch) = 0;

  // The inner layer's rows first … first + count of a chunk, as a tape of their own, until the next call.
  Tape& rowsOf(const Tape& tape, int64_t first, int64_t count, float* scratch);

  const std::unique_ptr<Layer> inner;

 private:
  const Slots slots;
  const size_t slotCount;
  const int64_t rowsPerExample;
  std::vector<int64_t> inputElements;  // of one row, by input
  const int64_t rowElements;           // of its output
  Tape rows;
  std::vector<float*> targets, written;  // by slot: where an example's gradient goes
};

// The layer with the weight that it sees standardised by output channel: see weight_standardization.cpp.
std::unique_ptr<Layer> standardizeWeight(const LayerSetup& setup, std::unique_ptr<Layer> inner);

// The layer for setup.views > 1 views an example: see every_view.cpp.
std::unique_ptr<Layer> makeForViews(const LayerSetup& setup);

}  // namespace hushgrad
