// Convolutions of the CPU backend against the reference loops, over shapes on which oneDNN's kernels and the unfolding
// route each have their turn.
#include "backend/cpu/convolution.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "test/support/convolutions.h"
#include "test/support/reference_backend.h"

namespace hushgrad {
namespace {

constexpr double kBound = 2e-6;  // float32 sums of up to some thousand terms

void expectSameAsReference(const Shape2d& shape, int64_t capacity, uint32_t seed) {
  const Window w = windowOf(shape);
  const auto weights = normalFloats(weightFloats(w), seed), bias = normalFloats(w.outChannels, seed + 1);
  const auto x = normalFloats(capacity * w.inElements(), seed + 2);
  const auto dy = normalFloats(capacity * w.outElements(), seed + 3);
  ReferenceBackend reference;
  Fixture tested(cpuBackend(), w, capacity, weights), wanted(reference, w, capacity, weights);
  for (int64_t n = 1; n <= capacity; ++n) {
    SCOPED_TRACE(tested.convolution->implementation() + ", " + std::to_string(n) + " examples, seed " +
                 std::to_string(seed));
    EXPECT_LT(errorOf(tested.forward(n, x.data(), bias.data()), wanted.forward(n, x.data(), bias.data())), kBound);
    EXPECT_LT(errorOf(tested.forward(n, x.data(), nullptr), wanted.forward(n, x.data(), nullptr)), kBound);
    EXPECT_LT(errorOf(tested.inputGradient(n, dy.data()), wanted.inputGradient(n, dy.data())), kBound);
    const auto own = tested.ownWeightGradient(n, x.data(), dy.data());
    const auto plain = tested.weightGradient(n, x.data(), dy.data());
    EXPECT_LT(errorOf(plain, wanted.weightGradient(n, x.data(), dy.data())), kBound);
    // Padding must be zero: norms are taken in the primitive's own layout.
    const double ownNorm = squaredNorm({own.begin(), own.end()}), norm = squaredNorm({plain.begin(), plain.end()});
    EXPECT_NEAR(ownNorm, norm, 1e-12 * norm);
  }
}

class ConvolutionShapes : public testing::TestWithParam<Shape2d> {};

TEST_P(ConvolutionShapes, EveryDirectionIsTheReferences) {
  expectSameAsReference(GetParam(), 5, 7);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ConvolutionShapes,
    testing::Values(Shape2d{1, 16, 28, 28, 8, 8, 2, 2, 3, 3}, Shape2d{16, 32, 13, 13, 4, 4, 2, 2},
                    Shape2d{3, 32, 32, 32, 3, 3, 1, 1, 1, 1}, Shape2d{32, 64, 16, 16, 3, 3, 1, 1, 1, 1},
                    Shape2d{1, 1, 1, 1, 1, 1}, Shape2d{1, 1, 5, 7, 3, 2}, Shape2d{3, 5, 9, 11, 3, 3, 2, 1, 0, 2},
                    Shape2d{7, 13, 10, 6, 1, 1}, Shape2d{8, 8, 12, 12, 3, 3, 1, 1, 2, 2, 2, 2},
                    Shape2d{4, 6, 11, 9, 3, 3, 2, 2, 1, 1, 2, 3, 2}, Shape2d{16, 16, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 16},
                    Shape2d{16, 32, 8, 8, 3, 3, 2, 2, 1, 1, 1, 1, 16}, Shape2d{64, 64, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 4},
                    Shape2d{6, 4, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, 2}, Shape2d{5, 3, 1, 20, 1, 5, 1, 2, 0, 2},
                    Shape2d{2, 3, 4, 4, 7, 7, 1, 1, 3, 3}, Shape2d{3, 4, 10, 10, 2, 2, 3, 3},
                    Shape2d{3, 8, 6, 6, 3, 3, 1, 1, 5, 4}));

TEST(Convolution, RandomShapesAgreeWithTheReference) {
  std::mt19937 engine(11);
  const auto draw = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(engine);
  };
  for (uint32_t trial = 0; trial < 40; ++trial) {
    Shape2d s{};
    s.groups = draw(0, 2) == 0 ? draw(2, 4) : 1;
    s.inChannels = s.groups * draw(1, 9), s.outChannels = s.groups * draw(1, 9);
    s.kernelHeight = draw(1, 4), s.kernelWidth = draw(1, 4);
    s.strideHeight = draw(1, 3), s.strideWidth = draw(1, 3);
    s.padHeight = draw(0, 2), s.padWidth = draw(0, 2);
    s.dilationHeight = draw(1, 2), s.dilationWidth = draw(1, 2);
    s.height = draw((s.kernelHeight - 1) * s.dilationHeight + 1, 14);
    s.width = draw((s.kernelWidth - 1) * s.dilationWidth + 1, 14);
    expectSameAsReference(s, draw(1, 7), 100 + trial);
    if (testing::Test::HasFailure()) return;
  }
}

// The unfolding route serves whatever oneDNN refuses, so it is checked on its own too, several blocks of rows included.
TEST(Convolution, TheUnfoldingRouteAgreesWithTheReference) {
  using cpu::ConvolutionDirection;
  for (const Shape2d& shape : {Shape2d{3, 4, 9, 8, 3, 2, 2, 1, 1, 1, 1, 2}, Shape2d{64, 8, 40, 40, 3, 3, 1, 1, 1, 1},
                               Shape2d{6, 4, 9, 9, 3, 3, 1, 1, 1, 1, 1, 1, 2}}) {
    const Window w = windowOf(shape);
    const int64_t examples = 2;
    const auto weights = normalFloats(weightFloats(w), 1), bias = normalFloats(w.outChannels, 2);
    auto x = normalFloats(examples * w.inElements(), 3), dy = normalFloats(examples * w.outElements(), 4);
    ReferenceBackend reference;
    Fixture wanted(reference, w, examples, weights);

    const auto forward = makeUnfoldRoute(w, ConvolutionDirection::forward);
    auto packed = room(forward->weightFloats()), scratch = room(forward->scratchFloats());
    auto y = room(examples * w.outElements()), dx = room(examples * w.inElements());
    auto g = room(forward->weightFloats()), plain = room(weightFloats(w));
    forward->pack(weights.data(), packed.data());
    forward->run({examples, x.data(), packed.data(), bias.data(), y.data(), scratch.data()});
    EXPECT_LT(errorOf(y, wanted.forward(examples, x.data(), bias.data())), kBound);
    makeUnfoldRoute(w, ConvolutionDirection::inputGradient)
        ->run({examples, dx.data(), packed.data(), nullptr, dy.data(), scratch.data()});
    EXPECT_LT(errorOf(dx, wanted.inputGradient(examples, dy.data())), kBound);
    const auto gradient = makeUnfoldRoute(w, ConvolutionDirection::weightGradient);
    gradient->run({examples, x.data(), g.data(), nullptr, dy.data(), scratch.data()});
    gradient->unpack(g.data(), plain.data());
    EXPECT_LT(errorOf(plain, wanted.weightGradient(examples, x.data(), dy.data())), kBound);
  }
}

TEST(Convolution, ABadExampleStaysAlone) {
  for (const Shape2d& shape : {Shape2d{3, 32, 12, 12, 3, 3, 1, 1, 1, 1}, Shape2d{1, 16, 14, 14, 5, 5, 2, 2, 3, 3},
                               Shape2d{33, 20, 9, 7, 3, 3, 1, 1, 1, 1}}) {
    const Window w = windowOf(shape);
    const int64_t examples = 4, bad = 1;
    const auto weights = normalFloats(weightFloats(w), 1);
    const auto x = normalFloats(examples * w.inElements(), 2), dy = normalFloats(examples * w.outElements(), 3);
    Fixture tested(cpuBackend(), w, examples, weights);
    const auto y = tested.forward(examples, x.data(), nullptr), dx = tested.inputGradient(examples, dy.data());
    for (const float poison : {NAN, INFINITY}) {
      auto badX = x, badDy = dy;
      std::fill_n(badX.begin() + bad * w.inElements(), w.inElements(), poison);
      std::fill_n(badDy.begin() + bad * w.outElements(), w.outElements(), poison);
      const auto badY = tested.forward(examples, badX.data(), nullptr);
      const auto badDx = tested.inputGradient(examples, badDy.data());
      EXPECT_FALSE(std::isfinite(badY[static_cast<size_t>(bad * w.outElements() + w.outElements() / 2)]));
      for (int64_t i = 0; i < examples * w.outElements(); ++i)
        ASSERT_TRUE(i / w.outElements() == bad || badY[i] == y[i]);
      for (int64_t i = 0; i < examples * w.inElements(); ++i)
        ASSERT_TRUE(i / w.inElements() == bad || badDx[i] == dx[i]);
    }
  }
}

TEST(Convolution, NeverRunsReferenceCode) {
  for (const Shape2d& shape :
       {Shape2d{1, 16, 28, 28, 8, 8, 2, 2, 3, 3}, Shape2d{3, 5, 9, 11, 3, 3, 2, 1, 0, 2}, Shape2d{1, 1, 5, 7, 3, 2}}) {
    const auto convolution = cpuBackend().convolution(windowOf(shape), true, 3);
    EXPECT_EQ(convolution->implementation().find("ref"), std::string::npos) << convolution->implementation();
  }
}

TEST(Convolution, RefusesImpossibleWindows) {
  Window w = windowOf({3, 4, 8, 8, 3, 3});
  w.outHeight = 7;
  EXPECT_THROW(cpuBackend().convolution(w, true, 1), std::invalid_argument);
  w = windowOf({3, 4, 8, 8, 3, 3});
  w.groups = 2;
  EXPECT_THROW(cpuBackend().convolution(w, true, 1), std::invalid_argument);
  EXPECT_THROW(cpuBackend().convolution(windowOf({3, 4, 8, 8, 3, 3}), true, 0), std::invalid_argument);
}

TEST(Convolution, AsksForNoInputGradientWhereNoneIsNeeded) {
  const Window w = windowOf({3, 32, 12, 12, 3, 3, 1, 1, 1, 1});
  const auto convolution = cpuBackend().convolution(w, false, 2);
  EXPECT_LT(convolution->packedFloats(), cpuBackend().convolution(w, true, 2)->packedFloats());
  EXPECT_THROW(convolution->inputGradient(1, nullptr, nullptr, nullptr, nullptr), std::logic_error);
}

}  // namespace
}  // namespace hushgrad
