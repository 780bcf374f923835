// Winograd's route against the reference loops, on shapes that it would not be chosen for as well.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "backend/cpu/convolution.h"
#include "test/support/convolutions.h"
#include "test/support/reference_backend.h"

namespace hushgrad {
namespace {

using cpu::ConvolutionDirection;

constexpr double kBound = 1e-5;

// |got − want| at its largest, relative to the largest |want|.
double largestError(const std::vector<float>& got, const std::vector<float>& want) {
  double difference = 0, largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    if (!std::isfinite(got[i])) return INFINITY;
    difference = std::max(difference, std::abs(static_cast<double>(got[i]) - want[i]));
    largest = std::max(largest, std::abs(static_cast<double>(want[i])));
  }
  return largest > 0 ? difference / largest : difference;
}

// One direction's route; everything it writes starts as NaN.
struct Route {
  Route(const Window& window, ConvolutionDirection direction, int64_t capacity)
      : w(window),
        route(cpu::makeWinogradRoute(window, direction, capacity)),
        weights(room(route->weightFloats())),
        scratch(room(route->scratchFloats())) {}

  std::vector<float> forward(int64_t examples, std::vector<float> x, const float* oihw, const float* bias) {
    auto y = room(examples * w.outElements());
    route->pack(oihw, weights.data());
    route->run({examples, x.data(), weights.data(), bias, y.data(), scratch.data()});
    return y;
  }
  std::vector<float> inputGradient(int64_t examples, std::vector<float> dy, const float* oihw) {
    auto x = room(examples * w.inElements());
    route->pack(oihw, weights.data());
    route->run({examples, x.data(), weights.data(), nullptr, dy.data(), scratch.data()});
    return x;
  }
  std::vector<float> weightGradient(int64_t examples, std::vector<float> x, std::vector<float> dy) {
    auto plain = room(weightFloats(w));
    std::fill(scratch.begin(), scratch.end(), NAN);
    route->run({examples, x.data(), weights.data(), nullptr, dy.data(), scratch.data()});
    route->unpack(weights.data(), plain.data());
    return plain;
  }

  Window w;
  std::unique_ptr<cpu::ConvolutionRoute> route;
  std::vector<float> weights, scratch;
};

Shape2d square(int64_t inChannels, int64_t outChannels, int64_t height, int64_t width, int64_t padHeight,
               int64_t padWidth) {
  return {inChannels, outChannels, height, width, 3, 3, 1, 1, padHeight, padWidth};
}

void expectSameAsReference(const Shape2d& shape, int64_t capacity) {
  const Window w = windowOf(shape);
  SCOPED_TRACE(std::to_string(w.inChannels) + " to " + std::to_string(w.outChannels) + " channels, " +
               std::to_string(w.inHeight) + "×" + std::to_string(w.inWidth) + ", padding " +
               std::to_string(w.padHeight) + ", " + std::to_string(w.padWidth));
  const auto weights = normalFloats(weightFloats(w), 1), bias = normalFloats(w.outChannels, 2);
  ReferenceBackend reference;
  Fixture wanted(reference, w, capacity, weights);
  Route forward(w, ConvolutionDirection::forward, capacity), input(w, ConvolutionDirection::inputGradient, capacity),
      weight(w, ConvolutionDirection::weightGradient, capacity);
  for (int64_t n = 1; n <= capacity; ++n) {
    const auto x = normalFloats(n * w.inElements(), 3), dy = normalFloats(n * w.outElements(), 4);
    EXPECT_LT(
        largestError(forward.forward(n, x, weights.data(), bias.data()), wanted.forward(n, x.data(), bias.data())),
        kBound);
    EXPECT_LT(largestError(forward.forward(n, x, weights.data(), nullptr), wanted.forward(n, x.data(), nullptr)),
              kBound);
    EXPECT_LT(largestError(input.inputGradient(n, dy, weights.data()), wanted.inputGradient(n, dy.data())), kBound);
    EXPECT_LT(largestError(weight.weightGradient(n, x, dy), wanted.weightGradient(n, x.data(), dy.data())), kBound);
  }
}

TEST(Winograd, EverySizeAndPaddingIsTheReferences) {
  for (int64_t height = 1; height <= 10; ++height)
    for (int64_t width : {1, 2, 3, 4, 5, 8, 11})
      for (int64_t pad = 0; pad <= 2; ++pad) {
        if (std::min(height, width) + 2 * pad < 3) continue;
        expectSameAsReference(square(5, 6, height, width, pad, (pad + height) % 3 == 0 && width > 2 ? 0 : pad), 3);
        if (testing::Test::HasFailure()) return;
      }
}

TEST(Winograd, PaddingBeyondTheKernelIsTheReferences) {
  expectSameAsReference(square(4, 3, 6, 5, 5, 4), 2);
  expectSameAsReference(square(4, 3, 1, 7, 9, 3), 2);
}

TEST(Winograd, EveryNumberOfChannelsIsTheReferences) {
  for (int64_t inChannels : {1, 3, 15, 16, 17, 33, 64, 65, 130})
    for (int64_t outChannels : {1, 7, 16, 31, 32, 48, 65}) {
      expectSameAsReference(square(inChannels, outChannels, 6, 5, 1, 1), 2);
      if (testing::Test::HasFailure()) return;
    }
}

// More tiles than a block holds, blocks that end within an example, a last block of one tile.
TEST(Winograd, ManyBlocksAreTheReferences) {
  expectSameAsReference(square(20, 40, 20, 20, 1, 1), 6);
  expectSameAsReference(square(150, 70, 13, 21, 1, 0), 5);
}

TEST(Winograd, StaysWithinRoundingForManyChannels) {
  expectSameAsReference(square(512, 512, 7, 7, 1, 1), 1);
}

// Rectified values have a mean, which cancels in the transforms but not in the sums.
TEST(Winograd, StaysWithinRoundingForRectifiedValues) {
  const Window w = windowOf(square(64, 64, 16, 16, 1, 1));
  const int64_t examples = 4;
  auto x = normalFloats(examples * w.inElements(), 5), dy = normalFloats(examples * w.outElements(), 6);
  for (float& value : x) value = std::max(value, 0.0f);
  const auto weights = normalFloats(weightFloats(w), 7);
  ReferenceBackend reference;
  Fixture wanted(reference, w, examples, weights);
  EXPECT_LT(
      largestError(Route(w, ConvolutionDirection::forward, examples).forward(examples, x, weights.data(), nullptr),
                   wanted.forward(examples, x.data(), nullptr)),
      kBound);
  EXPECT_LT(largestError(Route(w, ConvolutionDirection::weightGradient, examples).weightGradient(examples, x, dy),
                         wanted.weightGradient(examples, x.data(), dy.data())),
            kBound);
}

// Blocks of tiles run across examples, so neighbours share products.
TEST(Winograd, ABadExampleStaysAlone) {
  const Window w = windowOf(square(18, 35, 9, 6, 1, 1));
  const int64_t examples = 5, bad = 2;
  const auto weights = normalFloats(weightFloats(w), 1);
  const auto x = normalFloats(examples * w.inElements(), 2), dy = normalFloats(examples * w.outElements(), 3);
  Route forward(w, ConvolutionDirection::forward, examples), input(w, ConvolutionDirection::inputGradient, examples);
  const auto y = forward.forward(examples, x, weights.data(), nullptr);
  const auto dx = input.inputGradient(examples, dy, weights.data());
  for (const float poison : {NAN, INFINITY, 3e38f}) {
    auto badX = x, badDy = dy;
    std::fill_n(badX.begin() + bad * w.inElements(), w.inElements(), poison);
    std::fill_n(badDy.begin() + bad * w.outElements(), w.outElements(), poison);
    const auto badY = forward.forward(examples, badX, weights.data(), nullptr);
    const auto badDx = input.inputGradient(examples, badDy, weights.data());
    EXPECT_FALSE(std::isfinite(badY[static_cast<size_t>(bad * w.outElements() + w.outElements() / 2)]));
    for (int64_t i = 0; i < examples * w.outElements(); ++i) ASSERT_TRUE(i / w.outElements() == bad || badY[i] == y[i]);
    for (int64_t i = 0; i < examples * w.inElements(); ++i) ASSERT_TRUE(i / w.inElements() == bad || badDx[i] == dx[i]);
  }
}

// What overflows in a transform must show in the gradient, or its norm would be finite and wrong.
TEST(Winograd, AnOverflowIsNeverAFiniteGradient) {
  const Window w = windowOf(square(16, 16, 8, 8, 1, 1));
  Route route(w, ConvolutionDirection::weightGradient, 2);
  for (int64_t pixel = 0; pixel < w.positions(); ++pixel)
    for (const float scale : {1e-30f, 1.0f}) {
      std::vector<float> x(static_cast<size_t>(w.inElements())), dy(static_cast<size_t>(w.outElements()), scale);
      x[static_cast<size_t>(pixel * w.inChannels)] = 2e38f;
      x[static_cast<size_t>((pixel + 9) % w.positions() * w.inChannels)] = -2e38f;
      const auto gradient = route.weightGradient(1, x, dy);
      const bool finite = std::all_of(gradient.begin(), gradient.end(), [](float g) { return std::isfinite(g); });
      if (!finite) continue;
      ReferenceBackend reference;
      Fixture wanted(reference, w, 1, std::vector<float>(static_cast<size_t>(weightFloats(w))));
      EXPECT_LT(largestError(gradient, wanted.weightGradient(1, x.data(), dy.data())), kBound) << "pixel " << pixel;
    }
}

double squaredDifference(const std::vector<float>& p, const std::vector<float>& q) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += (p[i] - static_cast<double>(q[i])) * (p[i] - static_cast<double>(q[i]));
  return sum;
}

// A record that is huge where its output gradient is nothing: a tile multiplies both, and the terms cancel but for
// their rounding, which can be far above the record's own norm.
TEST(Winograd, TellsWhatCancelledTermsLeaveInASum) {
  const Window w = windowOf(square(16, 16, 8, 8, 1, 1));
  ReferenceBackend reference;
  Fixture wanted(reference, w, 2, std::vector<float>(static_cast<size_t>(weightFloats(w))));
  Route route(w, ConvolutionDirection::weightGradient, 2);
  double worst = 0, worstOfNorm = 0;
  for (uint32_t trial = 0; trial < 64; ++trial) {
    auto x = normalFloats(2 * w.inElements(), 10 + trial), dy = normalFloats(2 * w.outElements(), 100 + trial);
    std::fill(x.begin() + w.inElements(), x.end(), 0.0f);
    const int64_t row = trial % 8, column = trial / 8;
    for (int64_t c = 0; c < w.inChannels; ++c) x[static_cast<size_t>((row * 8 + column) * w.inChannels + c)] *= 1e8f;
    for (int64_t i = std::max<int64_t>(row - 1, 0); i <= std::min<int64_t>(row + 1, 7); ++i)
      for (int64_t j = std::max<int64_t>(column - 1, 0); j <= std::min<int64_t>(column + 1, 7); ++j)
        std::fill_n(dy.begin() + (i * 8 + j) * w.outChannels, w.outChannels, 0.0f);
    const auto exact = wanted.weightGradient(2, x.data(), dy.data());
    const double error = squaredDifference(route.weightGradient(2, x, dy), exact);
    worst = std::max(worst, error / route.route->sumRounding(x.data(), dy.data()));
    worstOfNorm = std::max(worstOfNorm, error / squaredNorm({exact.begin(), exact.end()}));
  }
  EXPECT_LT(worst, 1e-4);
  EXPECT_GT(worstOfNorm, 1);  // so that the bound is worth having
}

TEST(Winograd, RoundingOfOrdinaryExamplesIsNothing) {
  const Window w = windowOf(square(16, 24, 15, 10, 1, 1));
  const auto x = normalFloats(w.inElements(), 1), dy = normalFloats(w.outElements(), 2);
  Route route(w, ConvolutionDirection::weightGradient, 2);
  const auto gradient = route.weightGradient(1, x, dy);
  const double rounding = route.route->sumRounding(x.data(), dy.data());
  EXPECT_GT(rounding, 0);
  EXPECT_LT(rounding, 2e-6 * squaredNorm({gradient.begin(), gradient.end()}));
  const auto convolution = cpuBackend().convolution(w, true, 1);
  EXPECT_EQ(convolution->sumRounding(x.data(), dy.data()), rounding);
}

// An overflow inside a transform times an output gradient of 0 is NaN, in the sum of all.
TEST(Winograd, RoundingIsNotFiniteWhereATransformMayOverflow) {
  const Window w = windowOf(square(16, 16, 8, 8, 1, 1));
  Route route(w, ConvolutionDirection::weightGradient, 2);
  const std::vector<float> dy(static_cast<size_t>(w.outElements()));
  int overflows = 0, sums = 0;
  for (const float size : {0x1p119f, 0x1p121f, 0x1p123f, 0x1p125f, 0x1p127f}) {
    for (const bool alternating : {false, true}) {
      auto x = normalFloats(w.inElements(), 3);
      for (size_t i = 0; i < x.size(); ++i) x[i] = std::copysign(size, alternating ? x[i] : 1.0f);
      const auto gradient = route.weightGradient(1, x, dy);
      const bool finite = std::all_of(gradient.begin(), gradient.end(), [](float g) { return std::isfinite(g); });
      const double rounding = route.route->sumRounding(x.data(), dy.data());
      if (!finite) EXPECT_FALSE(std::isfinite(rounding)) << size;
      overflows += !finite;
      sums += std::isfinite(rounding);
    }
  }
  EXPECT_GT(overflows, 0);
  EXPECT_GT(sums, 0);
}

TEST(Winograd, RefusesMoreExamplesThanItKeepsSumsFor) {
  const Window w = windowOf(square(128, 64, 8, 8, 1, 1));
  Route route(w, ConvolutionDirection::weightGradient, 4);
  EXPECT_THROW(route.weightGradient(64, normalFloats(64 * w.inElements(), 1), normalFloats(64 * w.outElements(), 2)),
               std::logic_error);
}

TEST(Winograd, ServesPlainKernelsOf3By3Alone) {
  for (const auto direction :
       {ConvolutionDirection::forward, ConvolutionDirection::inputGradient, ConvolutionDirection::weightGradient}) {
    EXPECT_NE(makeWinogradRoute(windowOf(square(16, 16, 8, 8, 1, 1)), direction, 1), nullptr);
    for (const Shape2d& shape : {Shape2d{16, 16, 8, 8, 3, 3, 2, 2, 1, 1}, Shape2d{16, 16, 8, 8, 3, 3, 1, 1, 2, 2, 2, 2},
                                 Shape2d{16, 16, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 2},
                                 Shape2d{16, 16, 8, 8, 5, 5, 1, 1, 2, 2}, Shape2d{16, 16, 8, 8, 3, 1, 1, 1, 1, 0}})
      EXPECT_EQ(makeWinogradRoute(windowOf(shape), direction, 1), nullptr);
  }
}

TEST(Winograd, IsChosenForWideLayersAlone) {
  const auto chosen = [](const Shape2d& shape, int64_t capacity) {
    return cpuBackend().convolution(windowOf(shape), true, capacity)->implementation().find("forward Winograd") == 0;
  };
  EXPECT_TRUE(chosen(square(32, 32, 32, 32, 1, 1), 1));
  EXPECT_TRUE(chosen(square(512, 512, 4, 4, 1, 1), 8));
  EXPECT_FALSE(chosen(square(512, 512, 4, 4, 1, 1), 1));
  EXPECT_FALSE(chosen(square(3, 32, 32, 32, 1, 1), 8));
  EXPECT_FALSE(chosen(square(64, 64, 2, 2, 1, 1), 8));
}

}  // namespace
}  // namespace hushgrad
