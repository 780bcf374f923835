// Sessions of one linear layer: records, factors and sums driven to their ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "session/session.h"
#include "test/support/numbers.h"
#include "test/support/specs.h"

namespace hushgrad {
namespace {

// y = w·x without a bias and squared error: the smallest model whose factors and activations can be driven apart.
SessionSpec barest(Strategy strategy, const std::string& function, double threshold, int64_t outputs) {
  SessionSpec spec;
  spec.strategy = strategy;
  spec.optimizer.kind = "sgd";
  spec.threads = 2;
  spec.clipping.function = function;
  spec.clipping.attributes.values = {{"gamma", {0.01}}};
  spec.model.inputShape = {1};
  spec.model.parameters = {{"0.weight", {outputs, 1}}};
  spec.model.nodes = {
      node("Linear", 0, {outputs}, {0, -1}, {{"inFeatures", {1}}, {"outFeatures", {static_cast<double>(outputs)}}})};
  spec.loss = "meanSquaredError";
  spec.clipping.groupOfParameter = {0};
  spec.clipping.thresholds = {threshold};
  return spec;
}

// Products of a factor and an output gradient may overflow, or lose their last bits below the normal range.
TEST(Session, NoRecordMovesTheSumBeyondTheThresholdHoweverExtreme) {
  const float inputs[] = {0.0f, 1e-40f, 1e-30f, 1.0f, 1e30f, 1e38f, 3e38f};
  const float targets[] = {0.0f, 1e-40f, 1e-20f, 0.3f, 1e30f, 3e37f};
  for (Strategy strategy : kPrivate)
    for (const char* function : {"abadi", "autoS", "autoV"})
      for (double threshold : {1e-6, 1e-4, 1.0, 100.0})
        for (float x : inputs)
          for (float t : targets) {
            Session session(barest(strategy, function, threshold, 2));
            float target[2] = {t, t / 3};
            ASSERT_TRUE(session.accumulate({1, &x, target}));
            std::vector<float> sum(2);
            float* values = sum.data();
            session.takeClippedSums(&values);
            EXPECT_LE(norm(sum), threshold * (1 + 1e-5))
                << strategyRow(strategy).name << " " << function << " C=" << threshold << " x=" << x << " t=" << t;
          }
}

// A weight of several tiles, whose borders are not its rows' borders, and a batch of several slices.
TEST(Session, DeferredSumsAreThoseOfWrittenOutGradients) {
  constexpr int64_t kIn = 301, kOut = 331, kMany = 600;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> weight(kIn * kOut), inputs(kMany * kIn), targets(kMany * kOut);
  for (auto* values : {&weight, &inputs, &targets})
    for (float& x : *values) x = normal(random);
  inputs[5 * kIn + 3] = std::numeric_limits<float>::quiet_NaN();
  auto sumBy = [&](Strategy strategy, int64_t slice) {
    SessionSpec spec = barest(strategy, "abadi", 0.7, 2);
    spec.model.inputShape = {kIn};
    spec.model.parameters[0].shape = {kOut, kIn};
    spec.model.nodes[0].attributes.values = {{"inFeatures", {kIn}}, {"outFeatures", {kOut}}};
    spec.model.nodes[0].outputShape = {kOut};
    Session session(spec);
    session.setParameter(0, weight.data());
    for (int64_t b = 0; b < kMany; b += slice)
      EXPECT_TRUE(session.accumulate({std::min(slice, kMany - b), &inputs[b * kIn], &targets[b * kOut]}));
    std::vector<float> sum(kIn * kOut);
    float* values = sum.data();
    session.takeClippedSums(&values);
    return sum;
  };
  const std::vector<float> written = sumBy(Strategy::naive, kMany);
  const double scale = norm(written) / std::sqrt(written.size());
  for (Strategy strategy : {Strategy::autoSelect, Strategy::ghost, Strategy::reweight})
    for (int64_t slice : {kMany, int64_t{77}}) {
      const std::vector<float> deferred = sumBy(strategy, slice);
      double worst = 0;
      for (size_t i = 0; i < written.size(); ++i) worst = std::max<double>(worst, std::abs(deferred[i] - written[i]));
      EXPECT_LE(worst, 1e-5 * scale * 5) << strategyRow(strategy).name << " slices of " << slice;
    }
}

// float32 alone would lose whole gradients in a sum of a hundred thousand.
TEST(Session, OneRecordInAHugeBatchMovesTheSumByItsThreshold) {
  constexpr int64_t kSlice = 512, kSlices = 400;
  std::vector<float> inputs(kSlice, 1.0f), targets(kSlice, -100.0f);
  auto sumWith = [&](float last) {
    SessionSpec spec = barest(Strategy::autoSelect, "abadi", 1, 1);
    spec.clipping.thresholds = {1};
    Session session(spec);
    for (int64_t slice = 0; slice < kSlices; ++slice)
      EXPECT_TRUE(session.accumulate({kSlice, inputs.data(), targets.data()}));
    float input = 1;
    EXPECT_TRUE(session.accumulate({1, &input, &last}));
    for (int64_t slice = 0; slice < kSlices; ++slice)
      EXPECT_TRUE(session.accumulate({kSlice, inputs.data(), targets.data()}));
    float sum = 0;
    float* values = &sum;
    session.takeClippedSums(&values);
    return sum;
  };
  float without = sumWith(0);
  EXPECT_NEAR(without, 2 * kSlice * kSlices, 1);
  for (float last : {-100.0f, 100.0f, 0.4f}) EXPECT_LE(std::abs(sumWith(last) - without), 1.04) << last;
}

}  // namespace
}  // namespace hushgrad
