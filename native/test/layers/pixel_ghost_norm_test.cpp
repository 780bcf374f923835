// Norms from Gram matrices of pixels, for every kind of window, against the gradient written out in float64.
#include "layers/pixel_ghost_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "test/support/backends.h"
#include "test/support/numbers.h"
#include "test/support/reference_window.h"

namespace hushgrad {
namespace {

double squaredGradient(const Window& w, const std::vector<float>& x, const std::vector<float>& e) {
  int64_t inGroup = w.inChannels / w.groups, outGroup = w.outChannels / w.groups;
  std::vector<double> gradient(static_cast<size_t>(w.patch() * w.outChannels));
  forEachTap(w, [&](const WindowTap& tap) {
    for (int64_t o = 0; o < w.outChannels; ++o)
      for (int64_t i = 0; i < inGroup; ++i) {
        int64_t weight = (tap.index * w.outChannels + o) * inGroup + i;
        gradient[static_cast<size_t>(weight)] +=
            static_cast<double>(e[static_cast<size_t>(tap.position * w.outChannels + o)]) *
            x[static_cast<size_t>(tap.pixel * w.inChannels + o / outGroup * inGroup + i)];
      }
  });
  return squaredNorm(gradient);
}

void expectNorm(Backend& backend, Window w, uint32_t seed) {
  w.outHeight = (w.inHeight + 2 * w.padHeight - (w.kernelHeight - 1) * w.dilationHeight - 1) / w.strideHeight + 1;
  w.outWidth = (w.inWidth + 2 * w.padWidth - (w.kernelWidth - 1) * w.dilationWidth - 1) / w.strideWidth + 1;
  auto x = normalFloats(w.inElements(), seed), e = normalFloats(w.outElements(), seed + 1);
  // Terms of random sign alone would cancel, and be refused.
  for (float& value : x) value += 1.5f;
  for (float& value : e) value += 1.5f;
  PixelGhostNorm norm(backend, w);
  constexpr size_t kGuard = 16;
  std::vector<float> scratch(static_cast<size_t>(norm.scratchFloats()) + kGuard, NAN);
  std::fill(scratch.end() - kGuard, scratch.end(), 7.0f);
  for (int repeat = 0; repeat < 2; ++repeat) {
    auto squared = norm.squared(x.data(), e.data(), scratch.data());
    double want = squaredGradient(w, x, e);
    // Nothing but padding under the kernel: left to the written-out gradient.
    if (want == 0 && !squared) continue;
    EXPECT_NEAR(squared.value_or(NAN), want, 1e-5 * want)
        << "in " << w.inChannels << "x" << w.inHeight << "x" << w.inWidth << " out " << w.outChannels << "x"
        << w.outHeight << "x" << w.outWidth << " kernel " << w.kernelHeight << "x" << w.kernelWidth << " stride "
        << w.strideHeight << "," << w.strideWidth << " pad " << w.padHeight << "," << w.padWidth << " dilation "
        << w.dilationHeight << "," << w.dilationWidth << " groups " << w.groups;
  }
  EXPECT_TRUE(std::all_of(scratch.end() - kGuard, scratch.end(), [](float value) { return value == 7.0f; }));
}

class PixelGhostNormTest : public testing::TestWithParam<NamedBackend> {
 protected:
  static Backend& backend() { return *GetParam().backend; }
};

TEST_P(PixelGhostNormTest, AnyWindow) {
  std::mt19937 engine(3);
  auto draw = [&](int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(engine); };
  for (uint32_t trial = 0; trial < 150; ++trial) {
    Window w;
    w.groups = draw(1, 3);
    w.inChannels = w.groups * draw(1, 5), w.outChannels = w.groups * draw(1, 4);
    w.kernelHeight = draw(1, 4), w.kernelWidth = draw(1, 4);
    w.strideHeight = draw(1, 3), w.strideWidth = draw(1, 3), w.padHeight = draw(0, 5), w.padWidth = draw(0, 5);
    w.dilationHeight = draw(1, 3), w.dilationWidth = draw(1, 3);
    w.inHeight = (w.kernelHeight - 1) * w.dilationHeight + draw(1, 9);
    w.inWidth = (w.kernelWidth - 1) * w.dilationWidth + draw(1, 9);
    expectNorm(backend(), w, 2 * trial);
  }
}

// Many blocks of rows: the Gram matrix passes through its ring several times.
TEST_P(PixelGhostNormTest, LargePictures) {
  Window w;
  w.inChannels = 3, w.outChannels = 4;
  w.kernelHeight = w.kernelWidth = 3, w.padHeight = w.padWidth = 1;
  w.inHeight = w.inWidth = 32;
  expectNorm(backend(), w, 1);
  w.strideHeight = w.strideWidth = 2, w.inHeight = 61, w.inWidth = 47;
  expectNorm(backend(), w, 2);
  w.strideHeight = w.strideWidth = 1, w.dilationHeight = 5, w.padHeight = 5, w.inHeight = 19, w.groups = 1;
  expectNorm(backend(), w, 3);
}

std::string nameOf(const testing::TestParamInfo<NamedBackend>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(PixelGhostNorm, PixelGhostNormTest, testing::ValuesIn(testBackends()), nameOf);

}  // namespace
}  // namespace hushgrad
