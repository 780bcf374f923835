// Where a layer's own order of a weight's gradient keeps the rows [rows, length] of PyTorch's: in panels of some of
// them side by side, [rows / width, length, width], the elements of all rows in one order of their own. So are [taps,
// in, out] of products and oneDNN's blocked formats; width 1 with the elements in their place is PyTorch's order
// itself.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "layers/layer.h"

namespace hushgrad {

struct WeightOrder {
  int64_t rows, length, width;
  std::vector<int64_t> places;  // of the elements of a row, in its panel

  static WeightOrder plain(int64_t rows, int64_t length);
  // Of a slot of this layer; nothing where its order is none of these, padded ones among them.
  static std::optional<WeightOrder> of(const Layer& layer, size_t slot, int64_t rows, int64_t length);

  int64_t at(int64_t row, int64_t element) const {
    return (row / width * length + places[static_cast<size_t>(element)]) * width + row % width;
  }
  // [rows, length] into this order.
  void arrange(const float* plain, float* own) const;
};

}  // namespace hushgrad
