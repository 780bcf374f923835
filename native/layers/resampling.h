// Layers that are linear along height and along width, one after the other: y = V · x · Hᵀ, channel by channel, with
// sparse V [H', H] and H [W', W]; of volumes along the depth before. The input's gradient is the same with all of them
// transposed, the other way round.
#pragma once

#include <functional>
#include <optional>

#include "layers/layer.h"

namespace hushgrad {

class SparseRows {
 public:
  struct Entry {
    int64_t column;
    double weight;
  };
  // entriesOf(i): those of row i. Columns outside [0, columns) are the caller's mistake.
  SparseRows(int64_t rows, int64_t columns, const std::function<std::vector<Entry>(int64_t row)>& entriesOf);

  SparseRows transposed() const;
  Backend::RowMixture mixture() const;
  int64_t entries() const { return static_cast<int64_t>(weights.size()); }

 private:
  int64_t rows, columns;
  std::vector<int32_t> begins, places;
  std::vector<float> weights;
};

class Resampling : public Layer {
 public:
  using Along = std::function<SparseRows(int64_t in, int64_t out, size_t axis)>;  // axis: 0 height, 1 width, 2 depth
  // Throws std::invalid_argument, naming the layer, for what is neither [C, D, H, W], [C, H, W] nor [C, L].
  Resampling(const LayerSetup& setup, const Along& along);

  Layout layout() const override { return Layout::channelsLast; }
  bool backwardReadsInput() const override { return false; }
  int64_t scratchFloats() const override;

  void forward(Tape& tape) override;
  void inputGradient(Tape& tape) override;
  Cost forwardCost() const override;

 private:
  Resampling(const Shape& in, const Shape& out, const LayerSetup& setup, const Along& along);
  int64_t pictureFloats() const { return inHeight * inWidth * channels; }  // at one depth of the input

  int64_t channels, inElements, inHeight, inWidth, outDepth, outWidth;
  SparseRows vertical, horizontal, verticalBack, horizontalBack;
  std::optional<SparseRows> depth, depthBack;  // of volumes
};

}  // namespace hushgrad
