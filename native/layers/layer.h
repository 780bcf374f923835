// What a layer is: forward, input gradient, and the three per-example answers about its parameters
// (docs: CONTRIBUTING.md, "Adding a layer"). A layer object belongs to one worker; it is written in the backend's
// primitives alone and knows neither strategies nor privacy.
//
// One file a layer: define a class, end the file with HUSHGRAD_LAYER("Name", Class).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "graph/spec.h"

namespace hushgrad {

// Whole rows or columns of a weight [out, in] that take part, by bit and by index in ascending order.
struct Slices {
  const uint8_t* bits = nullptr;
  const int32_t* kept = nullptr;
  int64_t count = 0;
};

// Which coordinates of a parameter's gradient take part under sparsification. bits null: all of them.
struct SlotMask {
  const uint8_t* bits = nullptr;    // in the layer's own element order: bit i % 8 of byte i / 8, padding 0
  const Slices* rows = nullptr;     // where the bits are whole rows of a matrix [out, in]
  const Slices* columns = nullptr;  // where they are whole columns
};

// What the engine knows when it makes a layer.
struct LayerSetup {
  const NodeSpec& node;
  std::vector<Shape> inputShapes;
  Shape outputShape;
  int64_t capacity;         // most examples in a chunk
  bool needsInputGradient;  // false for a layer fed by the model's input alone
  Backend& backend;
  bool masked = false;  // whether a tape may hold masks
  int64_t views = 1;    // of each example: inputs are [examples, views, …inputShapes], and so on
};

// Everything of one layer for one chunk. Pointers are fixed when memory is planned; only the first block changes.
struct Tape {
  int64_t examples = 0;  // in this chunk, 1 … capacity
  bool training = true;
  uint64_t dropoutKey = 0;    // of this step and layer
  uint64_t firstExample = 0;  // index of the chunk's first example in its logical batch

  std::vector<const float*> inputs;       // x: [examples, elements] each
  float* output = nullptr;                // y
  const float* outputGradient = nullptr;  // dL/dy, one row an example: never averaged over examples
  std::vector<float*> inputGradients;     // dL/dx; null where not wanted; overwritten
  float* saved = nullptr;                 // savedFloats() an example: forward writes, backward reads
  float* scratch = nullptr;               // scratchFloats(): free for use within one call
  const float* packed = nullptr;          // packedFloats(), written by pack()
  // [capacity], or null where no weighted sum follows. Norms set it, addWeightedSum reads it: examples whose terms
  // cancel, so that their gradient must be written out before it is added (see addWeightedSum).
  char* cancels = nullptr;
  std::vector<const float*> parameters;  // by slot, PyTorch's layout; null where the layer goes without
  std::vector<SlotMask> masks;           // by slot; empty: every coordinate takes part
};

// Floating-point operations and bytes moved for one example.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

// Time of a cost in operations: a byte that leaves the nearest caches costs about as much as eight operations
// (80 GFLOP/s against 10 GB/s a core on the servers that were measured).
inline double operations(const Cost& cost) {
  return cost.flops + 8 * cost.bytes;
}

class Layer {
 public:
  explicit Layer(const LayerSetup& setup)
      : backend(setup.backend), capacity(setup.capacity), outputElements(elementCount(setup.outputShape)) {}
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  // How inputs and outputs lie: channels-last for [C, H, W]; `either` for layers that treat every element alike.
  // ToChannelsLast and ToPlain, which lead from one to the other, name the layout of their output.
  enum class Layout { plain, channelsLast, either };
  virtual Layout layout() const = 0;
  virtual Layout outputLayout() const { return layout(); }  // where it differs
  virtual bool backwardReadsInput() const = 0;
  virtual bool backwardReadsOutput() const { return false; }
  // output may be inputs[0] and inputGradients[0] may be outputGradient (then backward must not read its input).
  virtual bool runsInPlace() const { return false; }
  // The output is the input's memory under another shape: the engine aliases the buffers of value and gradient, and
  // calls neither forward nor inputGradient.
  virtual bool isView() const { return false; }
  // Whether the layer, made for [views, …shape] instead of [shape], does for every view what it does for one.
  virtual bool viewsArePositions() const { return false; }
  virtual int64_t savedFloats() const { return 0; }    // an example
  virtual int64_t scratchFloats() const { return 0; }  // in all, for `capacity` examples
  virtual int64_t packedFloats() const { return 0; }
  // Once a step: parameters into the form that forward and backward read.
  virtual void pack(const std::vector<const float*>& parameters, float* packed) const {
    (void)parameters, (void)packed;
  }
  virtual std::string implementation() const { return ""; }  // for plan()

  virtual void forward(Tape& tape) = 0;
  virtual void inputGradient(Tape& tape) = 0;
  virtual Cost forwardCost() const = 0;

  // ---- The three per-example answers. `slot` counts the node's parameters; entries of slots that the layer goes
  // without, or that are frozen, are null and skipped. A written-out gradient may have its own element order
  // (gradientFloats(slot) floats, padding zero); unpackGradient() brings it into PyTorch's.

  virtual int64_t gradientFloats(size_t slot) const { return (void)slot, 0; }
  // Whether that order differs from PyTorch's, so that unpackGradient() has anything to do.
  virtual bool hasOwnOrder(size_t slot) const { return (void)slot, false; }
  virtual void unpackGradient(size_t slot, const float* gradient, float* parameter) const;

  // 1. norms[slot][b] += ‖g_b‖², without writing g_b out. Only where hasGhostNorm().
  // A result below 0.1 × its terms' magnitudes has cancelled: it is recomputed from the written-out gradient, and
  // tape.cancels[b], where there is one, says so.
  virtual bool hasGhostNorm() const { return false; }
  // Whether it honours the tape's masks: the norm of the coordinates that take part.
  virtual bool hasMaskedGhostNorm() const { return false; }
  virtual void addGhostNorms(Tape& tape, double* const* norms) { (void)tape, (void)norms; }
  // 2. gradients[slot] + b·stride = g_b. Overwrites, padding included. Where norms is not null, norms[slot][b] +=
  // ‖g_b‖² of the coordinates that take part, taken while g_b still lies in the nearest cache, and tape.cancels is set
  // as by addGhostNorms. g_b itself is whole.
  virtual void writeGradients(Tape& tape, float* const* gradients, int64_t stride, double* const* norms) {
    (void)tape, (void)gradients, (void)stride, (void)norms;
  }
  // 3. sums[slot] += Σ_b factors[slot][b] · g_b, in one product for the whole chunk. factors null: all ones.
  // Rows of examples with factor 0 hold finite numbers (the engine has zeroed bad ones).
  // The terms of an example that tape.cancels may be larger than its gradient without bound, and would round the other
  // examples' away: it stays out of the product, and factor · g_b is added whole.
  virtual void addWeightedSum(Tape& tape, const float* const* factors, float* const* sums) {
    (void)tape, (void)factors, (void)sums;
  }

  // ---- The sum put off (optional): where it is one product over any number of examples, what the product needs of
  // each is kept, and the product made at the step's end, tile by tile. A slot that is put off is null in
  // addWeightedSum's sums.

  virtual int64_t operandFloats(size_t slot) const { return (void)slot, 0; }  // an example; 0: cannot be put off
  // operands + b·operandFloats(slot) = what the product needs of g_b, weighted by factors[b] (null: all ones). Under a
  // mask of rows or columns, of those that take part alone.
  virtual void keepOperands(Tape& tape, size_t slot, const float* factors, float* operands) {
    (void)tape, (void)slot, (void)factors, (void)operands;
  }
  // Makes elements first … first + count of Σ_b factor·g_b over `examples` kept ones, somewhere in `room`, which holds
  // tileFloats(slot, count); returns where they begin. What does not take part under the mask that the operands were
  // kept with is left undefined. Safe to call from several workers at once.
  virtual const float* multiplyOperands(size_t slot, const SlotMask& mask, int64_t examples, const float* operands,
                                        int64_t first, int64_t count, float* room) const {
    return (void)slot, (void)mask, (void)examples, (void)operands, (void)first, (void)count, room;
  }
  virtual int64_t tileFloats(size_t slot, int64_t count) const { return (void)slot, count; }

  virtual Cost ghostNormCost() const { return {}; }
  virtual Cost writeCost() const { return {}; }
  virtual Cost weightedSumCost() const { return {}; }

 protected:
  Backend& backend;
  const int64_t capacity;
  const int64_t outputElements;
};

using LayerFactory = std::function<std::unique_ptr<Layer>(const LayerSetup&)>;
bool registerLayer(const std::string& kind, LayerFactory factory);
std::unique_ptr<Layer> makeLayer(const LayerSetup& setup);  // throws std::invalid_argument on an unknown kind
std::vector<std::string> registeredLayers();

#define HUSHGRAD_LAYER(kind, Class)                                \
  static const bool registered##Class = ::hushgrad::registerLayer( \
      kind, [](const ::hushgrad::LayerSetup& setup) { return std::make_unique<Class>(setup); })

}  // namespace hushgrad
