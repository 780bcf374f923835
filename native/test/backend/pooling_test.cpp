// Pooling of the CPU backend against the reference loops.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "test/support/numbers.h"
#include "test/support/reference_backend.h"

namespace hushgrad {
namespace {

std::vector<Window> randomWindows(bool withDilation) {
  std::mt19937 engine(3);
  const auto draw = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(engine);
  };
  std::vector<Window> windows;
  while (windows.size() < 120) {
    Window w;
    w.inChannels = w.outChannels = draw(1, 40);
    w.kernelHeight = draw(1, 4), w.kernelWidth = draw(1, 4);
    w.strideHeight = draw(1, 3), w.strideWidth = draw(1, 3);
    // Every other one with the usual square kernel, its stride often the kernel's size.
    if (windows.size() % 2 == 0) w.kernelHeight = w.kernelWidth = draw(2, 3);
    if (windows.size() % 4 == 0) w.strideHeight = w.strideWidth = w.kernelWidth;
    w.padHeight = draw(0, w.kernelHeight / 2), w.padWidth = draw(0, w.kernelWidth / 2);
    if (withDilation) w.dilationHeight = draw(1, 2), w.dilationWidth = draw(1, 3);
    w.countPadding = draw(0, 1) == 1;
    w.inHeight = (w.kernelHeight - 1) * w.dilationHeight + draw(1, 8);
    w.inWidth = (w.kernelWidth - 1) * w.dilationWidth + draw(1, 8);
    w.outHeight = (w.inHeight + 2 * w.padHeight - (w.kernelHeight - 1) * w.dilationHeight - 1) / w.strideHeight + 1;
    w.outWidth = (w.inWidth + 2 * w.padWidth - (w.kernelWidth - 1) * w.dilationWidth - 1) / w.strideWidth + 1;
    windows.push_back(w);
  }
  return windows;
}

double errorOf(const std::vector<float>& got, const std::vector<float>& want) {
  return relativeError({got.begin(), got.end()}, {want.begin(), want.end()});
}

std::vector<float> room(int64_t floats) {
  return std::vector<float>(static_cast<size_t>(floats), NAN);
}

TEST(Pooling, MaximumAndItsGradient) {
  ReferenceBackend reference;
  for (const Window& w : randomWindows(true)) {
    const int64_t examples = 3, outputs = examples * w.outElements();
    auto x = normalFloats(examples * w.inElements(), 1);
    for (float& value : x) value = std::round(value * 2);  // ties: the first one wins
    const auto dy = normalFloats(outputs, 2);
    std::vector<int32_t> chosen(static_cast<size_t>(outputs), -1), wantChosen = chosen;
    auto y = room(outputs), wantY = y, dx = room(examples * w.inElements()), wantDx = dx;
    cpuBackend().maxPool(w, examples, x.data(), y.data(), chosen.data());
    reference.maxPool(w, examples, x.data(), wantY.data(), wantChosen.data());
    EXPECT_EQ(y, wantY);
    EXPECT_EQ(chosen, wantChosen);
    cpuBackend().maxPoolGradient(w, examples, chosen.data(), dy.data(), dx.data());
    reference.maxPoolGradient(w, examples, chosen.data(), dy.data(), wantDx.data());
    EXPECT_LT(errorOf(dx, wantDx), 1e-6);
  }
}

TEST(Pooling, MaximumKeepsNanWithinItsWindowsAndExample) {
  Window w;
  w.inChannels = w.outChannels = 19, w.inHeight = w.inWidth = 6, w.outHeight = w.outWidth = 3;
  w.kernelHeight = w.kernelWidth = w.strideHeight = w.strideWidth = 2;
  auto x = normalFloats(2 * w.inElements(), 1);
  x[5] = NAN;  // example 0, position 0, channel 5
  auto y = room(2 * w.outElements());
  std::vector<int32_t> chosen(y.size());
  cpuBackend().maxPool(w, 2, x.data(), y.data(), chosen.data());
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i == 5) << i;
  EXPECT_EQ(chosen[5], 0);
}

TEST(Pooling, AverageAndItsGradient) {
  ReferenceBackend reference;
  for (const Window& w : randomWindows(false)) {
    const int64_t examples = 3;
    const auto x = normalFloats(examples * w.inElements(), 1), dy = normalFloats(examples * w.outElements(), 2);
    auto y = room(examples * w.outElements()), wantY = y, dx = room(examples * w.inElements()), wantDx = dx;
    cpuBackend().averagePool(w, examples, x.data(), y.data());
    reference.averagePool(w, examples, x.data(), wantY.data());
    EXPECT_LT(errorOf(y, wantY), 1e-6);
    cpuBackend().averagePoolGradient(w, examples, dy.data(), dx.data());
    reference.averagePoolGradient(w, examples, dy.data(), wantDx.data());
    EXPECT_LT(errorOf(dx, wantDx), 1e-6);
  }
}

}  // namespace
}  // namespace hushgrad
