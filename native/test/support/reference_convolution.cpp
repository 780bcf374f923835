#include "test/support/reference_convolution.h"

#include <algorithm>
#include <vector>

#include "test/support/reference_window.h"

namespace hushgrad {

namespace {

// visit(output element, input element, weight element) for every product of one example's convolution.
template <class Visit>
void forEachProduct(const Window& w, Visit visit) {
  int64_t inGroup = w.inChannels / w.groups, outGroup = w.outChannels / w.groups;
  forEachTap(w, [&](const WindowTap& tap) {
    for (int64_t oc = 0; oc < w.outChannels; ++oc) {
      for (int64_t ic = 0; ic < inGroup; ++ic) {
        int64_t weight = (oc * inGroup + ic) * w.taps() + tap.index;
        int64_t channel = oc / outGroup * inGroup + ic;
        visit(tap.position * w.outChannels + oc, tap.pixel * w.inChannels + channel, weight);
      }
    }
  });
}

void store(const std::vector<double>& from, float* to) {
  std::transform(from.begin(), from.end(), to, [](double value) { return static_cast<float>(value); });
}

}  // namespace

void ReferenceConvolution::pack(const float* weightOihw, float* packed) const {
  std::copy_n(weightOihw, packedFloats(), packed);
}

void ReferenceConvolution::forward(int64_t examples, const float* x, const float* packed, const float* bias, float* y,
                                   float*) {
  int64_t count = window.outElements();
  for (int64_t b = 0; b < examples; ++b, x += window.inElements(), y += count) {
    std::vector<double> sums(static_cast<size_t>(count), 0.0);
    for (int64_t i = 0; bias != nullptr && i < count; ++i) sums[i] = bias[i % window.outChannels];
    forEachProduct(window, [&](int64_t out, int64_t in, int64_t weight) {
      sums[out] += static_cast<double>(x[in]) * packed[weight];
    });
    store(sums, y);
  }
}

void ReferenceConvolution::inputGradient(int64_t examples, const float* dy, const float* packed, float* dx, float*) {
  int64_t count = window.inElements();
  for (int64_t b = 0; b < examples; ++b, dy += window.outElements(), dx += count) {
    std::vector<double> sums(static_cast<size_t>(count), 0.0);
    forEachProduct(window, [&](int64_t out, int64_t in, int64_t weight) {
      sums[in] += static_cast<double>(dy[out]) * packed[weight];
    });
    store(sums, dx);
  }
}

void ReferenceConvolution::weightGradient(int64_t examples, const float* x, const float* dy, float* g, float*) {
  std::vector<double> sums(static_cast<size_t>(gradientFloats()), 0.0);
  for (int64_t b = 0; b < examples; ++b, x += window.inElements(), dy += window.outElements()) {
    forEachProduct(
        window, [&](int64_t out, int64_t in, int64_t weight) { sums[weight] += static_cast<double>(dy[out]) * x[in]; });
  }
  store(sums, g);
}

void ReferenceConvolution::unpackGradient(const float* g, float* weightOihw) const {
  std::copy_n(g, gradientFloats(), weightOihw);
}

}  // namespace hushgrad
