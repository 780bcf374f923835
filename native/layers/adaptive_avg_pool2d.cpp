// Means over windows that cut the picture into a given number of rows and columns (and a volume into planes): window i
// of n covers the positions from ⌊i·extent / n⌋ to ⌈(i + 1)·extent / n⌉ − 1 (torch.nn.AdaptiveAvgPool2d).
#include "layers/resampling.h"

namespace hushgrad {
namespace {

SparseRows meansOf(int64_t in, int64_t out) {
  return SparseRows(out, in, [in, out](int64_t i) {
    const int64_t first = i * in / out, end = ((i + 1) * in + out - 1) / out;
    std::vector<SparseRows::Entry> entries;
    for (int64_t k = first; k < end; ++k) entries.push_back({k, 1.0 / static_cast<double>(end - first)});
    return entries;
  });
}

class AdaptiveAvgPool2d : public Resampling {
 public:
  explicit AdaptiveAvgPool2d(const LayerSetup& setup)
      : Resampling(setup, [](int64_t in, int64_t out, size_t) { return meansOf(in, out); }) {}
};

using AdaptiveAvgPool3d = AdaptiveAvgPool2d;
HUSHGRAD_LAYER("AdaptiveAvgPool2d", AdaptiveAvgPool2d);
HUSHGRAD_LAYER("AdaptiveAvgPool3d", AdaptiveAvgPool3d);

}  // namespace
}  // namespace hushgrad
