// Losses against their definitions and against differences of themselves.
#include <cmath>
#include <limits>

#include "test/losses/loss_run.h"

namespace hushgrad {
namespace {

TEST(CrossEntropy, FollowsItsDefinition) {
  auto loss = make("crossEntropy", {3});
  std::vector<float> outputs = {1, 2, 3, 0, 0, 0};
  std::vector<int32_t> targets = {2, 1};
  Outcome outcome = evaluate(*loss, 2, outputs, targets.data());
  EXPECT_NEAR(outcome.losses[0], std::log(std::exp(1) + std::exp(2) + std::exp(3)) - 3, 1e-12);
  EXPECT_NEAR(outcome.losses[1], std::log(3), 1e-12);
  EXPECT_NEAR(outcome.gradients[4], 1.0 / 3 - 1, 1e-7);
  EXPECT_EQ(loss->targetElements(), 1);
  EXPECT_EQ(loss->targetKind(), TargetKind::classes);
}

TEST(CrossEntropy, AveragesOverThePositionsOfAnExample) {
  auto positions = make("crossEntropy", {4, 5}, {{"ignoreIndex", {-1}}});
  auto single = make("crossEntropy", {5});
  std::vector<float> outputs = normalFloats(20, 1);
  std::vector<int32_t> targets = {3, -1, 0, 4};
  Outcome whole = evaluate(*positions, 1, outputs, targets.data());
  double sum = 0;
  for (int64_t t : {0, 2, 3}) {
    std::vector<float> row(outputs.begin() + t * 5, outputs.begin() + t * 5 + 5);
    sum += evaluate(*single, 1, row, &targets[t]).losses[0];
  }
  EXPECT_NEAR(whole.losses[0], sum / 3, 1e-12);
  for (int64_t k = 5; k < 10; ++k) EXPECT_EQ(whole.gradients[k], 0);
  expectGradient(*positions, 1, outputs, targets.data());
}

// torch.nn.CrossEntropyLoss(label_smoothing=0.1): (1 − s)·nll + s · mean of −log p.
TEST(CrossEntropy, SmoothsLabels) {
  auto loss = make("crossEntropy", {4}, {{"labelSmoothing", {0.1}}});
  std::vector<float> outputs = {0.5f, -1, 2, 0.25f};
  int32_t target = 1;
  double logSum = 0, mean = 0;
  for (float score : outputs) logSum += std::exp(static_cast<double>(score));
  logSum = std::log(logSum);
  for (float score : outputs) mean += (logSum - score) / 4;
  EXPECT_NEAR(evaluate(*loss, 1, outputs, &target).losses[0], 0.9 * (logSum + 1) + 0.1 * mean, 1e-12);
  expectGradient(*loss, 1, outputs, &target);
}

TEST(CrossEntropy, AllPositionsIgnoredIsZero) {
  auto loss = make("crossEntropy", {2, 3}, {{"ignoreIndex", {7}}});
  std::vector<int32_t> targets = {7, 7};
  Outcome outcome = evaluate(*loss, 1, normalFloats(6, 2), targets.data());
  EXPECT_EQ(outcome.losses[0], 0);
  EXPECT_EQ(outcome.gradients, std::vector<float>(6, 0.0f));
}

TEST(CrossEntropy, ClassOutOfRangeIsThatExamplesTroubleAlone) {
  auto loss = make("crossEntropy", {3});
  std::vector<float> outputs = normalFloats(12, 3);
  std::vector<int32_t> good = {0, 1, 2, 0}, bad = {0, 3, -1, 0};
  Outcome want = evaluate(*loss, 4, outputs, good.data()), got = evaluate(*loss, 4, outputs, bad.data());
  EXPECT_TRUE(std::isnan(got.losses[1]));
  EXPECT_TRUE(std::isnan(got.losses[2]));
  for (int64_t b : {0, 3}) {
    EXPECT_EQ(got.losses[b], want.losses[b]);
    for (int64_t k = 0; k < 3; ++k) EXPECT_EQ(got.gradients[b * 3 + k], want.gradients[b * 3 + k]);
  }
  for (int64_t k = 3; k < 9; ++k) EXPECT_EQ(got.gradients[k], 0);
}

TEST(CrossEntropy, LargeScoresStayFinite) {
  auto loss = make("crossEntropy", {3});
  std::vector<float> outputs = {1e30f, -1e30f, 0};
  int32_t target = 0;
  Outcome outcome = evaluate(*loss, 1, outputs, &target);
  EXPECT_EQ(outcome.losses[0], 0);
  EXPECT_EQ(outcome.gradients, (std::vector<float>{0, 0, 0}));
  outputs[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(evaluate(*loss, 1, outputs, &target).losses[0]));
}

TEST(BinaryCrossEntropy, FollowsItsDefinition) {
  auto loss = make("binaryCrossEntropyWithLogits", {2, 2}, {{"positiveWeight", {3}}});
  std::vector<float> outputs = normalFloats(4, 5), targets = {1, 0, 0.25f, 1};
  double want = 0;
  for (size_t i = 0; i < 4; ++i) {
    double p = 1 / (1 + std::exp(-static_cast<double>(outputs[i])));
    want -= (3 * targets[i] * std::log(p) + (1 - targets[i]) * std::log(1 - p)) / 4;
  }
  EXPECT_NEAR(evaluate(*loss, 1, outputs, targets.data()).losses[0], want, 1e-12);
  expectGradient(*loss, 1, outputs, targets.data());
  EXPECT_EQ(loss->targetElements(), 4);
  EXPECT_EQ(loss->targetKind(), TargetKind::values);
}

TEST(BinaryCrossEntropy, LargeLogitsStayFinite) {
  auto loss = make("binaryCrossEntropyWithLogits", {1});
  std::vector<float> outputs = {1e30f, -1e30f, -800}, targets = {1, 0, 1};
  Outcome outcome = evaluate(*loss, 3, outputs, targets.data());
  EXPECT_EQ(outcome.losses, (std::vector<double>{0, 0, 800}));
  EXPECT_EQ(outcome.gradients, (std::vector<float>{0, 0, -1}));
}

TEST(MeanSquaredError, FollowsItsDefinition) {
  auto loss = make("meanSquaredError", {2});
  std::vector<float> outputs = {1, 2, 0, -3}, targets = {0, 4, 0, 0};
  Outcome outcome = evaluate(*loss, 2, outputs, targets.data());
  EXPECT_EQ(outcome.losses, (std::vector<double>{2.5, 4.5}));
  EXPECT_EQ(outcome.gradients, (std::vector<float>{1, -2, 0, -3}));
  expectGradient(*loss, 2, outputs, targets.data());
}

TEST(LossRefusal, NamesWhatCameAndWhatIsAllowed) {
  EXPECT_EQ(refusal("hinge", {3}),
            "no loss is called 'hinge'; there are binaryCrossEntropyWithLogits, crossEntropy, dice, diceCrossEntropy, "
            "meanSquaredError");
  EXPECT_NE(refusal("crossEntropy", {3, 4, 5}).find("rank 3"), std::string::npos);
  EXPECT_NE(refusal("crossEntropy", {3}, {{"labelSmoothing", {1.5}}}).find("between 0 and 1"), std::string::npos);
  EXPECT_NE(refusal("binaryCrossEntropyWithLogits", {3}, {{"positiveWeight", {0}}}).find("greater"), std::string::npos);
}

}  // namespace
}  // namespace hushgrad
