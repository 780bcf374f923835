// Matrix products, unfolding and transposition of the CPU backend against the reference loops, and calls of several
// workers side by side.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <random>

#include "backend/cpu/kernels.h"
#include "test/support/numbers.h"
#include "test/support/reference_backend.h"

namespace hushgrad {
namespace {

double errorOf(const std::vector<float>& got, const std::vector<float>& want) {
  return relativeError({got.begin(), got.end()}, {want.begin(), want.end()});
}

TEST(Gemm, EveryTransposeStrideAndBeta) {
  ReferenceBackend reference;
  std::mt19937 engine(1);
  const auto draw = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(engine);
  };
  for (int trial = 0; trial < 120; ++trial) {
    Gemm g;
    g.transposeA = draw(0, 1), g.transposeB = draw(0, 1);
    g.m = draw(1, 70), g.n = draw(1, 70), g.k = draw(0, 90);
    if (trial % 5 == 0) g.m = 1;
    if (trial % 7 == 0) g.n = 1;
    g.lda = (g.transposeA ? g.m : std::max<int64_t>(g.k, 1)) + draw(0, 3);
    g.ldb = (g.transposeB ? std::max<int64_t>(g.k, 1) : g.n) + draw(0, 3);
    g.ldc = g.n + draw(0, 3);
    g.beta = trial % 3 == 0 ? 0.0f : trial % 3 == 1 ? 1.0f : 0.5f;
    const auto a = normalFloats(g.lda * std::max(g.m, g.k), 1), b = normalFloats(g.ldb * std::max(g.n, g.k), 2);
    auto c = normalFloats(g.ldc * g.m, 3), want = c;
    g.a = a.data(), g.b = b.data(), g.c = c.data();
    cpuBackend().gemm(g);
    g.c = want.data();
    reference.gemm(g);
    EXPECT_LT(errorOf(c, want), 2e-6) << g.m << " " << g.n << " " << g.k;
    for (int64_t row = 0; row < g.m; ++row)
      for (int64_t column = g.n; column < g.ldc; ++column)
        EXPECT_EQ(c[row * g.ldc + column], want[row * g.ldc + column]);
  }
}

TEST(Gemm, BetaZeroDoesNotReadTheOutput) {
  const int64_t size = 40;
  const auto a = normalFloats(size * size, 1), b = normalFloats(size * size, 2);
  for (int64_t k : {int64_t{0}, size}) {
    std::vector<float> c(size * size, NAN);
    Gemm g;
    g.m = g.n = g.lda = g.ldb = g.ldc = size, g.k = k;
    g.a = a.data(), g.b = b.data(), g.c = c.data();
    cpuBackend().gemm(g);
    for (float value : c) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(Gemm, WorkersSideBySideGetTheSameBits) {
  const int64_t m = 64, n = 96, k = 200;
  const auto a = normalFloats(m * k, 1), b = normalFloats(k * n, 2);
  const auto multiply = [&](std::vector<float>& c) {
    Gemm g;
    g.m = m, g.n = n, g.k = k, g.lda = k, g.ldb = n, g.ldc = n;
    g.a = a.data(), g.b = b.data(), g.c = c.data();
    cpuBackend().gemm(g);
  };
  std::vector<float> want(m * n);
  multiply(want);
  const int threads = 4;
  std::vector<std::vector<float>> results(threads, std::vector<float>(m * n));
#pragma omp parallel for num_threads(threads)
  for (int worker = 0; worker < threads; ++worker)
    for (int repeat = 0; repeat < 20; ++repeat) multiply(results[worker]);
  for (const auto& result : results) EXPECT_EQ(result, want);
}

TEST(Convolution, WorkersSideBySideGetTheSameBits) {
  Window w;
  w.inChannels = 3, w.outChannels = 32, w.kernelHeight = w.kernelWidth = 3, w.padHeight = w.padWidth = 1;
  w.inHeight = w.inWidth = w.outHeight = w.outWidth = 16;
  const int64_t examples = 5, threads = 4;
  const auto x = normalFloats(examples * w.inElements(), 1), dy = normalFloats(examples * w.outElements(), 2);
  const auto weights = normalFloats(w.outChannels * w.patch(), 3);
  std::vector<std::unique_ptr<Convolution>> convolutions;
  for (int64_t i = 0; i < threads; ++i) convolutions.push_back(cpuBackend().convolution(w, true, examples));
  const Convolution& first = *convolutions.front();
  std::vector<float> packed(static_cast<size_t>(first.packedFloats()));
  first.pack(weights.data(), packed.data());
  std::vector<std::vector<float>> ys(threads, std::vector<float>(static_cast<size_t>(examples * w.outElements())));
  std::vector<std::vector<float>> dxs(threads, std::vector<float>(x.size()));
  std::vector<std::vector<float>> gs(threads, std::vector<float>(static_cast<size_t>(first.gradientFloats())));
  std::vector<std::vector<float>> scratch(threads, std::vector<float>(static_cast<size_t>(first.scratchFloats())));
#pragma omp parallel for num_threads(4)
  for (int64_t i = 0; i < threads; ++i) {
    convolutions[i]->forward(examples, x.data(), packed.data(), nullptr, ys[i].data(), scratch[i].data());
    convolutions[i]->inputGradient(examples, dy.data(), packed.data(), dxs[i].data(), scratch[i].data());
    convolutions[i]->weightGradient(examples, x.data(), dy.data(), gs[i].data(), scratch[i].data());
  }
  for (int64_t i = 1; i < threads; ++i) {
    EXPECT_EQ(ys[i], ys[0]);
    EXPECT_EQ(dxs[i], dxs[0]);
    EXPECT_EQ(gs[i], gs[0]);
  }
}

TEST(Unfold, AgreesWithTheReferenceAndItsAdjoint) {
  ReferenceBackend reference;
  std::mt19937 engine(2);
  const auto draw = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(engine);
  };
  for (int trial = 0; trial < 60; ++trial) {
    Window w;
    w.groups = draw(1, 3);
    w.inChannels = w.groups * draw(1, 5), w.outChannels = w.groups;
    w.kernelHeight = draw(1, 4), w.kernelWidth = draw(1, 4);
    w.strideHeight = draw(1, 3), w.strideWidth = draw(1, 3), w.padHeight = draw(-1, 5), w.padWidth = draw(-1, 5);
    w.dilationHeight = draw(1, 2), w.dilationWidth = draw(1, 2);
    w.inHeight = (w.kernelHeight - 1) * w.dilationHeight + draw(3, 8);
    w.inWidth = (w.kernelWidth - 1) * w.dilationWidth + draw(3, 8);
    w.outHeight = (w.inHeight + 2 * w.padHeight - (w.kernelHeight - 1) * w.dilationHeight - 1) / w.strideHeight + 1;
    w.outWidth = (w.inWidth + 2 * w.padWidth - (w.kernelWidth - 1) * w.dilationWidth - 1) / w.strideWidth + 1;
    const int64_t patches = w.positions() * w.groups * w.patch();
    const auto x = normalFloats(w.inElements(), 1), other = normalFloats(patches, 2);
    std::vector<float> got(static_cast<size_t>(patches), NAN), want = got;
    cpuBackend().unfold(w, x.data(), got.data());
    reference.unfold(w, x.data(), want.data());
    EXPECT_EQ(got, want);
    // ⟨unfold x, p⟩ = ⟨x, fold p⟩
    std::vector<float> folded(x.size(), 0.0f);
    cpu::foldRows(w, other.data(), 0, w.outHeight, folded.data());
    double left = 0, right = 0, magnitude = 0;
    cpuBackend().dotWithMagnitude(patches, got.data(), other.data(), &left, &magnitude);
    cpuBackend().dotWithMagnitude(w.inElements(), x.data(), folded.data(), &right, &magnitude);
    EXPECT_NEAR(left, right, 1e-5 * magnitude + 1e-6);
  }
}

TEST(Transpose, SwapsRowsAndColumnsOfEachExample) {
  for (int64_t rows : {1, 3, 7, 16, 33})
    for (int64_t columns : {1, 2, 10, 16, 50}) {
      const int64_t examples = 3;
      const auto x = normalFloats(examples * rows * columns, 1);
      std::vector<float> y(x.size(), NAN);
      cpuBackend().transpose(examples, rows, columns, x.data(), y.data());
      for (int64_t b = 0; b < examples; ++b)
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < columns; ++c)
            ASSERT_EQ(y[(b * columns + c) * rows + r], x[(b * rows + r) * columns + c]);
    }
}

}  // namespace
}  // namespace hushgrad
