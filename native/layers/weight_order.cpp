#include "layers/weight_order.h"

#include <numeric>

namespace hushgrad {

namespace {

// How many rows, from the first one on, have their first elements side by side.
int64_t widthOf(const std::vector<float>& indices, int64_t rows, int64_t length) {
  int64_t width = 1;
  while (width < rows && indices[static_cast<size_t>(width * length)] == indices[0] + static_cast<float>(width))
    ++width;
  return width;
}

}  // namespace

WeightOrder WeightOrder::plain(int64_t rows, int64_t length) {
  WeightOrder order{rows, length, 1, std::vector<int64_t>(static_cast<size_t>(length))};
  std::iota(order.places.begin(), order.places.end(), 0);
  return order;
}

// Asks the layer to unpack the numbers 0, 1, 2 …, and looks at where they went.
std::optional<WeightOrder> WeightOrder::of(const Layer& layer, size_t slot, int64_t rows, int64_t length) {
  constexpr int64_t kMostExact = 1 << 24;  // whole numbers in float32
  const int64_t count = rows * length;
  if (layer.gradientFloats(slot) != count || count > kMostExact) return std::nullopt;
  std::vector<float> numbers(static_cast<size_t>(count)), indices(numbers);
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  layer.unpackGradient(slot, numbers.data(), indices.data());

  WeightOrder order{rows, length, widthOf(indices, rows, length), {}};
  if (rows % order.width != 0) return std::nullopt;
  for (int64_t r = 0; r < length; ++r)
    order.places.push_back(static_cast<int64_t>(indices[static_cast<size_t>(r)]) / order.width);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t r = 0; r < length; ++r)
      if (order.at(row, r) != static_cast<int64_t>(indices[static_cast<size_t>(row * length + r)])) return std::nullopt;
  return order;
}

void WeightOrder::arrange(const float* plain, float* own) const {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t r = 0; r < length; ++r) own[at(row, r)] = plain[row * length + r];
}

}  // namespace hushgrad
