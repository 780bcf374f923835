// Sparsification over a model: the coordinates that take part until the next refresh, drawn or given, as bits by
// parameter, in PyTorch's element order and in the layers' own. Defined in PyTorch's order, parameters in the order of
// the model, so that it does not depend on chunks, threads, strategies or machines.
#pragma once

#include <memory>
#include <vector>

#include "clipping/random_subset.h"
#include "session/gradient_layout.h"
#include "session/session.h"

namespace hushgrad {

class SessionMask {
 public:
  SessionMask(Sparsification what, const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
              const GradientLayout& layout);

  // `elements`: ⌊rate · P⌋ of all P trainable coordinates are dropped; otherwise ⌊rate · n⌋ of each parameter's n
  // slices. A parameter of which nothing is dropped has no mask.
  void draw(const MaskDraw& draw);

  // `elements` alone: drops where kept [trainable coordinates] is 0.
  void keepOnly(const uint8_t* kept);

  // In PyTorch's order, 1 for kept; null: nothing is dropped.
  const uint8_t* bits(size_t parameter) const {
    return parameters[parameter].drops ? parameters[parameter].bits.data() : nullptr;
  }
  // In the order of the parameter's written-out gradients.
  SlotMask slot(size_t parameter) const;
  bool dropsAll(size_t parameter) const { return parameters[parameter].kept == 0; }
  void zeroDropped(size_t parameter, float* values) const;
  int64_t bytes() const;

 private:
  using Bits = std::vector<uint8_t>;

  struct Parameter {
    bool trained = false, drops = false;
    int64_t elements = 0, kept = -1;
    Bits bits, ownBits;                // ownBits: empty where the layer's order is PyTorch's
    std::vector<uint32_t> ownIndices;  // by element of PyTorch's order: where it lies in the layer's
    // Of structured masks: element i belongs to slice i / inner % slices.
    int64_t slices = 0, inner = 1;
    Bits sliceBits;
    std::vector<int32_t> keptSlices;
    Slices view;
  };

  void planSlices(const Shape& shape, Parameter& parameter) const;
  void spreadElements();
  void drawSlices(RandomSubset& subset);
  static void expandSlices(Parameter& parameter);
  static void bringIntoOwnOrder(Parameter& parameter);
  void finish();

  const Sparsification what;
  std::vector<Parameter> parameters;
  Bits all;  // elements: of all trainable coordinates one after the other
  int64_t trainable = 0;
};

}  // namespace hushgrad
