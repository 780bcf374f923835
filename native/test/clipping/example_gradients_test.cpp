// Clipping on all threads, in blocks: against float64, for every way of cutting the work, with hostile rows.
#include "clipping/example_gradients.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "test/support/numbers.h"

namespace hushgrad {
namespace {

struct Outcome {
  std::vector<std::vector<float>> sums;
  std::vector<double> squaredNorms;
  std::vector<float> factors;
  int64_t leftOut = 0;
  bool operator==(const Outcome& other) const {
    return sums == other.sums && squaredNorms == other.squaredNorms && factors == other.factors;
  }
};

using Blocks = std::vector<std::vector<float>>;

Blocks makeBlocks(int64_t examples, const std::vector<int64_t>& widths) {
  Blocks blocks;
  for (size_t b = 0; b < widths.size(); ++b) {
    blocks.push_back(normalFloats(examples * widths[b], static_cast<uint32_t>(b + 1)));
  }
  return blocks;
}

Outcome clipBlocks(const Blocks& blocks, int64_t examples, bool perBlock, int threads,
                   const std::vector<uint8_t>& kept = {}, const std::vector<double>& weights = {}) {
  Outcome outcome;
  ExampleGradients gradients;
  gradients.examples = examples;
  gradients.perBlock = perBlock;
  gradients.threads = threads;
  gradients.kept = kept.empty() ? nullptr : kept.data();
  for (const auto& block : blocks) outcome.sums.emplace_back(block.size() / static_cast<size_t>(examples), 7.0f);
  for (size_t b = 0; b < blocks.size(); ++b) {
    gradients.blocks.push_back(
        {blocks[b].data(), static_cast<int64_t>(outcome.sums[b].size()), outcome.sums[b].data()});
  }
  const auto groups = static_cast<size_t>(gradients.groups());
  outcome.squaredNorms.resize(groups * static_cast<size_t>(examples));
  outcome.factors.resize(outcome.squaredNorms.size());
  const auto function = makeClipFunction("abadi", {});
  outcome.leftOut = clipExamples(gradients,
                                 {function.get(), std::vector<double>(groups, 0.8),
                                  weights.empty() ? nullptr : weights.data(), false, outcome.factors.data()},
                                 outcome.squaredNorms.data());
  return outcome;
}

// One long row, short ones by the thousand, blocks of every size, more rows than a slab of float32 takes.
struct Shape {
  int64_t examples;
  std::vector<int64_t> widths;
};
const Shape kShapes[] = {{1, {100003}},    {1, {3}},     {7, {20000, 1, 3000}},
                         {23, {40, 2049}}, {3000, {65}}, {300, {16400}}};

TEST(ExampleGradients, MatchFloat64) {
  for (const Shape& shape : kShapes) {
    const Blocks blocks = makeBlocks(shape.examples, shape.widths);
    for (bool perBlock : {false, true}) {
      const Outcome got = clipBlocks(blocks, shape.examples, perBlock, 2);
      for (size_t b = 0; b < blocks.size(); ++b) {
        const int64_t width = shape.widths[b];
        std::vector<double> want(static_cast<size_t>(width)), size(want.size());
        for (int64_t row = 0; row < shape.examples; ++row) {
          double square = 0;
          for (size_t other = 0; other < blocks.size(); ++other) {
            if (perBlock && other != b) continue;
            square += squaredNorm(toDoubles(blocks[other].data() + row * shape.widths[other], shape.widths[other]));
          }
          const double factor = std::min(1.0, 0.8 / std::sqrt(square));
          for (int64_t c = 0; c < width; ++c) {
            const double term = factor * blocks[b][static_cast<size_t>(row * width + c)];
            want[static_cast<size_t>(c)] += term, size[static_cast<size_t>(c)] += std::abs(term);
          }
        }
        for (size_t c = 0; c < want.size(); ++c) ASSERT_NEAR(got.sums[b][c], want[c], 3e-6 * size[c]) << b << " " << c;
      }
    }
  }
}

TEST(ExampleGradients, GiveTheSameBitsForEveryNumberOfThreads) {
  for (const Shape& shape : kShapes) {
    const Blocks blocks = makeBlocks(shape.examples, shape.widths);
    for (bool perBlock : {false, true}) {
      const Outcome one = clipBlocks(blocks, shape.examples, perBlock, 1);
      for (int threads : {2, 3, 8}) EXPECT_TRUE(clipBlocks(blocks, shape.examples, perBlock, threads) == one);
    }
  }
}

TEST(ExampleGradients, LeaveOutRowsThatAreNotFiniteInAnyBlock) {
  for (const Shape& shape : kShapes) {
    if (shape.widths.size() < 2) continue;
    Blocks bad = makeBlocks(shape.examples, shape.widths), zeroed = bad;
    for (int64_t row : {int64_t{1}, shape.examples - 1}) {
      bad[0][static_cast<size_t>(row * shape.widths[0] + 2)] = std::numeric_limits<float>::quiet_NaN();
      for (size_t b = 0; b < bad.size(); ++b)
        std::fill_n(zeroed[b].begin() + row * shape.widths[b], shape.widths[b], 0.0f);
    }
    for (bool perBlock : {false, true}) {
      const Outcome got = clipBlocks(bad, shape.examples, perBlock, 2);
      EXPECT_EQ(got.leftOut, 2);
      EXPECT_EQ(got.sums, clipBlocks(zeroed, shape.examples, perBlock, 2).sums);
    }
  }
}

TEST(ExampleGradients, MaskedColumnsAreNotLookedAt) {
  for (const Shape& shape : kShapes) {
    Blocks holes = makeBlocks(shape.examples, shape.widths), zeros = holes;
    std::vector<uint8_t> kept;
    for (size_t b = 0; b < holes.size(); ++b) {
      for (int64_t c = 0; c < shape.widths[b]; ++c) {
        kept.push_back(c % 3 != 0);
        for (int64_t row = 0; c % 3 == 0 && row < shape.examples; ++row) {
          const auto at = static_cast<size_t>(row * shape.widths[b] + c);
          holes[b][at] = std::numeric_limits<float>::infinity(), zeros[b][at] = 0;
        }
      }
    }
    EXPECT_TRUE(clipBlocks(holes, shape.examples, true, 2, kept) == clipBlocks(zeros, shape.examples, true, 2));
  }
}

TEST(ExampleGradients, WeightsScaleFactorsAndNeverRoundUp) {
  const Blocks blocks = makeBlocks(9, {33});
  const std::vector<double> weights{1, 0, 0.1, 1.0 / 3, 7, 1e-6, 1e6, 2, 0.7};
  const Outcome plain = clipBlocks(blocks, 9, false, 1), weighted = clipBlocks(blocks, 9, false, 1, {}, weights);
  for (size_t b = 0; b < weights.size(); ++b) {
    EXPECT_LE(weighted.factors[b], plain.factors[b] * weights[b]);
    EXPECT_NEAR(weighted.factors[b], plain.factors[b] * weights[b], 1.2e-7 * plain.factors[b] * weights[b]);
  }
}

}  // namespace
}  // namespace hushgrad
