#include <algorithm>
#include <limits>
#include <vector>

#include "test/support/reference_backend.h"
#include "test/support/reference_window.h"

namespace hushgrad {

void ReferenceBackend::unfold(const Window& w, const float* x, float* patches) {
  int64_t inGroup = w.inChannels / w.groups, row = w.groups * w.patch();
  std::fill_n(patches, w.positions() * row, 0.0f);
  forEachTap(w, [&](const WindowTap& tap) {
    for (int64_t c = 0; c < w.inChannels; ++c) {
      int64_t place = tap.index * inGroup + c % inGroup;
      patches[tap.position * row + c / inGroup * w.patch() + place] = x[tap.pixel * w.inChannels + c];
    }
  });
}

void ReferenceBackend::maxPool(const Window& w, int64_t examples, const float* x, float* y, int32_t* chosen) {
  int64_t channels = w.inChannels;
  for (int64_t b = 0; b < examples; ++b, x += w.inElements(), y += w.outElements(), chosen += w.outElements()) {
    std::fill_n(chosen, w.outElements(), -1);
    forEachTap(w, [&](const WindowTap& tap) {
      for (int64_t c = 0; c < channels; ++c) {
        float value = x[tap.pixel * channels + c];
        int64_t out = tap.position * channels + c;
        bool better = chosen[out] < 0 || value > y[out] || value != value;
        if (!better) continue;
        y[out] = value;
        chosen[out] = static_cast<int32_t>(tap.pixel);
      }
    });
  }
}

void ReferenceBackend::maxPoolGradient(const Window& w, int64_t examples, const int32_t* chosen, const float* dy,
                                       float* dx) {
  for (int64_t b = 0; b < examples; ++b, dx += w.inElements(), dy += w.outElements(), chosen += w.outElements()) {
    std::vector<double> sums(static_cast<size_t>(w.inElements()), 0.0);
    for (int64_t i = 0; i < w.outElements(); ++i) sums[chosen[i] * w.inChannels + i % w.inChannels] += dy[i];
    std::transform(sums.begin(), sums.end(), dx, [](double sum) { return static_cast<float>(sum); });
  }
}

namespace {

// The full kernel, or the part of it that lies inside the picture.
std::vector<double> divisors(const Window& w) {
  std::vector<double> counts(static_cast<size_t>(w.positions()), 0.0);
  if (!w.countPadding) {
    forEachTap(w, [&](const WindowTap& tap) { counts[tap.position] += 1; });
    return counts;
  }
  std::fill(counts.begin(), counts.end(), static_cast<double>(w.kernelHeight * w.kernelWidth));
  return counts;
}

}  // namespace

void ReferenceBackend::averagePool(const Window& w, int64_t examples, const float* x, float* y) {
  std::vector<double> count = divisors(w);
  for (int64_t b = 0; b < examples; ++b, x += w.inElements(), y += w.outElements()) {
    std::vector<double> sums(static_cast<size_t>(w.outElements()), 0.0);
    forEachTap(w, [&](const WindowTap& tap) {
      for (int64_t c = 0; c < w.inChannels; ++c) {
        sums[tap.position * w.inChannels + c] += x[tap.pixel * w.inChannels + c];
      }
    });
    for (int64_t i = 0; i < w.outElements(); ++i) y[i] = static_cast<float>(sums[i] / count[i / w.inChannels]);
  }
}

void ReferenceBackend::averagePoolGradient(const Window& w, int64_t examples, const float* dy, float* dx) {
  std::vector<double> count = divisors(w);
  for (int64_t b = 0; b < examples; ++b, dx += w.inElements(), dy += w.outElements()) {
    std::vector<double> sums(static_cast<size_t>(w.inElements()), 0.0);
    forEachTap(w, [&](const WindowTap& tap) {
      for (int64_t c = 0; c < w.inChannels; ++c) {
        sums[tap.pixel * w.inChannels + c] += dy[tap.position * w.inChannels + c] / count[tap.position];
      }
    });
    std::transform(sums.begin(), sums.end(), dx, [](double sum) { return static_cast<float>(sum); });
  }
}

}  // namespace hushgrad
