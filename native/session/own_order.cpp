#include "session/own_order.h"

namespace hushgrad {

// An array of the layer's own indices, brought into PyTorch's order.
// float32 holds whole numbers up to 2^24, so the upper digits go separately.
std::vector<uint32_t> ownIndices(const Layer& layer, size_t slot, int64_t elements) {
  constexpr int64_t kDigits = int64_t{1} << 24;
  const int64_t own = layer.gradientFloats(slot);
  std::vector<float> gradient(static_cast<size_t>(own)), parameter(static_cast<size_t>(elements));
  std::vector<uint32_t> indices(static_cast<size_t>(elements));
  for (int64_t unit = 1; unit <= own; unit *= kDigits) {
    for (int64_t i = 0; i < own; ++i) gradient[static_cast<size_t>(i)] = static_cast<float>(i / unit % kDigits);
    layer.unpackGradient(slot, gradient.data(), parameter.data());
    for (size_t i = 0; i < indices.size(); ++i)
      indices[i] += static_cast<uint32_t>(static_cast<int64_t>(parameter[i]) * unit);
  }
  return indices;
}

}  // namespace hushgrad
