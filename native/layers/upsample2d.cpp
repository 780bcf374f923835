// A picture at another size (torch.nn.Upsample): each output position is the input's at `step` times its place, the
// nearest below or, bilinear, between the two around it.
#include <algorithm>
#include <cmath>

#include "layers/resampling.h"

namespace hushgrad {
namespace {

// PyTorch takes nearest positions in float32, whatever the tensor's type.
SparseRows nearest(int64_t in, int64_t out, double step) {
  return SparseRows(out, in, [in, step](int64_t i) {
    const auto place = static_cast<int64_t>(std::floor(static_cast<float>(i) * static_cast<float>(step)));
    return std::vector<SparseRows::Entry>{{std::min(place, in - 1), 1.0}};
  });
}

// Corners aligned: positions are pixel centres, and the first and last fall on each other. Else pixels are squares,
// and centres lie half a pixel in.
SparseRows linear(int64_t in, int64_t out, double step, bool alignCorners) {
  return SparseRows(out, in, [in, step, alignCorners](int64_t i) {
    const auto index = static_cast<double>(i);
    const double place = alignCorners ? index * step : std::max((index + 0.5) * step - 0.5, 0.0);
    const int64_t below = std::min(static_cast<int64_t>(place), in - 1);
    const double share = std::clamp(place - static_cast<double>(below), 0.0, 1.0);
    std::vector<SparseRows::Entry> entries = {{below, 1 - share}};
    if (below + 1 < in && share > 0) entries.push_back({below + 1, share});
    if (below + 1 == in) entries[0].weight = 1;
    return entries;
  });
}

class Upsample2d : public Resampling {
 public:
  explicit Upsample2d(const LayerSetup& setup)
      : Resampling(setup, [&attributes = setup.node.attributes](int64_t in, int64_t out, size_t axis) {
          const double step = attributes.list("step").at(axis);
          if (attributes.number("nearest") != 0) return nearest(in, out, step);
          return linear(in, out, step, attributes.number("alignCorners") != 0);
        }) {}
};

HUSHGRAD_LAYER("Upsample2d", Upsample2d);

}  // namespace
}  // namespace hushgrad
