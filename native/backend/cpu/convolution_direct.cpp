// Convolution by oneDNN's own kernels. A primitive serves one number of examples, so a call of n examples is taken
// apart into pieces for which primitives exist: the capacity, and powers of two below it. All pieces share one layout
// of the weights. (Primitives of equal shape are shared between workers by oneDNN's cache.)
#include <algorithm>
#include <vector>

#include "backend/cpu/convolution.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/onednn.h"

namespace hushgrad::cpu {
namespace {

constexpr int64_t kLineFloats = 16;

struct Piece {
  int64_t examples;
  std::unique_ptr<OneDnnConvolution> primitive;
};

// Largest first; the last is one example. Sizes that have no kernel in the layout of one example's are left out.
std::vector<Piece> makePieces(const Window& window, ConvolutionDirection direction, int64_t capacity) {
  std::vector<Piece> pieces;
  auto one = OneDnnConvolution::make(window, direction, 1, nullptr);
  if (!one) return pieces;
  const dnnl::memory::desc layout = one->weights();
  pieces.push_back({1, std::move(one)});
  const auto append = [&](int64_t examples) {
    if (auto primitive = OneDnnConvolution::make(window, direction, examples, &layout))
      pieces.push_back({examples, std::move(primitive)});
  };
  for (int64_t examples = 2; examples < capacity; examples *= 2) append(examples);
  if (capacity > 1) append(capacity);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

class DirectRoute final : public ConvolutionRoute {
 public:
  DirectRoute(const Window& window, ConvolutionDirection direction, std::vector<Piece> made)
      : w(window),
        direction(direction),
        pieces(std::move(made)),
        layout(pieces.back().primitive->weights()),
        packWeights(plainWeights(window), layout),
        unpackWeights(layout, plainWeights(window)) {
    if (direction == ConvolutionDirection::forward) noBias.assign(static_cast<size_t>(w.outChannels), 0.0f);
    for (const Piece& piece : pieces) scratchpadBytes = std::max(scratchpadBytes, piece.primitive->scratchBytes());
  }

  std::string implementation() const override { return "oneDNN " + pieces.back().primitive->implementation(); }
  int64_t weightFloats() const override { return static_cast<int64_t>(layout.get_size() / sizeof(float)); }
  void pack(const float* oihw, float* own) const override { packWeights.run(oihw, own); }
  void unpack(const float* own, float* oihw) const override { unpackWeights.run(own, oihw); }

  // oneDNN's scratchpad, and behind it the gradient of a second and later piece.
  int64_t scratchFloats() const override { return scratchpadFloats() + (sumsPieces() ? weightFloats() : 0); }

  void run(const ConvolutionOperands& all) override {
    const float* bias = all.bias ? all.bias : noBias.data();
    int64_t done = 0;
    for (const Piece& piece : pieces) {
      for (; all.examples - done >= piece.examples; done += piece.examples) {
        const bool addsUp = done > 0 && sumsPieces();
        float* weights = addsUp ? all.scratch + scratchpadFloats() : all.weights;
        piece.primitive->run(all.x + done * w.inElements(), weights, bias, all.y + done * w.outElements(), all.scratch);
        if (addsUp) add(weightFloats(), weights, all.weights);
      }
    }
  }

 private:
  bool sumsPieces() const { return direction == ConvolutionDirection::weightGradient; }
  int64_t scratchpadFloats() const {
    const int64_t floats = (scratchpadBytes + static_cast<int64_t>(sizeof(float)) - 1) / sizeof(float);
    return (floats + kLineFloats - 1) / kLineFloats * kLineFloats;
  }

  const Window w;
  const ConvolutionDirection direction;
  const std::vector<Piece> pieces;
  const dnnl::memory::desc layout;
  const Reorder packWeights, unpackWeights;
  std::vector<float> noBias;
  int64_t scratchpadBytes = 0;
};

}  // namespace

std::unique_ptr<ConvolutionRoute> makeDirectRoute(const Window& window, ConvolutionDirection direction,
                                                  int64_t capacity) {
  std::vector<Piece> pieces = makePieces(window, direction, capacity);
  if (pieces.empty()) return nullptr;
  return std::make_unique<DirectRoute>(window, direction, std::move(pieces));
}

}  // namespace hushgrad::cpu
