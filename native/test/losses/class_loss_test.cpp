// What holds for every loss of one class a position, and the values of those for segmentation.
#include <cmath>
#include <limits>

#include "test/losses/loss_run.h"

namespace hushgrad {
namespace {

constexpr int64_t kPositions = 6, kClasses = 4, kElements = kPositions * kClasses;
const Values kOptions = {{"ignoreIndex", {3}}, {"classWeights", {0.5, 4, 1, 2}}, {"labelSmoothing", {0.1}}};

class ClassLosses : public ::testing::TestWithParam<const char*> {
 protected:
  const std::unique_ptr<Loss> loss = make(GetParam(), {kPositions, kClasses}, kOptions);
};

INSTANTIATE_TEST_SUITE_P(All, ClassLosses, ::testing::Values("crossEntropy", "dice", "diceCrossEntropy"));

std::vector<int32_t> someLabels(int64_t examples, int32_t shift) {
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < examples * kPositions; ++i)
    labels.push_back(static_cast<int32_t>((i * i + i / kPositions + shift) % kClasses));
  return labels;
}

TEST_P(ClassLosses, GradientIsTheLosssDerivative) {
  expectGradient(*loss, 3, normalFloats(3 * kElements, 1), someLabels(3, 0).data());
}

TEST_P(ClassLosses, TakeOneClassAPosition) {
  EXPECT_EQ(loss->targetElements(), kPositions);
  EXPECT_EQ(loss->targetKind(), TargetKind::classes);
}

// One example among others, which are ignored, of other classes, wrong or not finite: the same bits.
TEST_P(ClassLosses, AnExampleDoesNotDependOnTheOthers) {
  const std::vector<float> own = normalFloats(kElements, 2);
  const std::vector<int32_t> labels = someLabels(1, 1);
  const Outcome alone = evaluate(*loss, 1, own, labels.data());
  for (int32_t mates : {0, 3, 17}) {
    for (int64_t place : {0, 1, 4}) {
      std::vector<float> outputs = normalFloats(5 * kElements, 3 + static_cast<uint64_t>(mates));
      std::vector<int32_t> targets = mates == 0 ? someLabels(5, 2) : std::vector<int32_t>(5 * kPositions, mates);
      outputs[static_cast<size_t>((place + 1) % 5 * kElements)] = std::numeric_limits<float>::infinity();
      std::copy(own.begin(), own.end(), outputs.begin() + place * kElements);
      std::copy(labels.begin(), labels.end(), targets.begin() + place * kPositions);
      const Outcome among = evaluate(*loss, 5, outputs, targets.data());
      EXPECT_EQ(among.losses[static_cast<size_t>(place)], alone.losses[0]);
      const auto first = among.gradients.begin() + place * kElements;
      EXPECT_EQ(std::vector<float>(first, first + kElements), alone.gradients);
    }
  }
}

TEST_P(ClassLosses, AllPositionsIgnoredIsZero) {
  const std::vector<int32_t> targets(kPositions, 3);
  const Outcome outcome = evaluate(*loss, 1, normalFloats(kElements, 4), targets.data());
  EXPECT_EQ(outcome.losses[0], 0);
  EXPECT_EQ(outcome.gradients, std::vector<float>(kElements, 0.0f));
}

TEST_P(ClassLosses, IgnoredPositionsHaveNoGradient) {
  const std::vector<int32_t> targets = {0, 3, 1, 3, 2, 0};
  const Outcome outcome = evaluate(*loss, 1, normalFloats(kElements, 5), targets.data());
  for (size_t t : {1u, 3u})
    for (size_t k = 0; k < kClasses; ++k) EXPECT_EQ(outcome.gradients[t * kClasses + k], 0);
}

TEST_P(ClassLosses, ClassOutOfRangeIsThatExamplesTroubleAlone) {
  const std::vector<float> outputs = normalFloats(3 * kElements, 6);
  const std::vector<int32_t> good = someLabels(3, 0);
  const Outcome want = evaluate(*loss, 3, outputs, good.data());
  for (int32_t wrong : {-1, 4, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()}) {
    std::vector<int32_t> bad = good;
    bad[kPositions + 2] = wrong;
    const Outcome got = evaluate(*loss, 3, outputs, bad.data());
    EXPECT_TRUE(std::isnan(got.losses[1]));
    for (size_t b : {0u, 2u}) EXPECT_EQ(got.losses[b], want.losses[b]);
    for (size_t i = 0; i < 3 * kElements; ++i) EXPECT_EQ(got.gradients[i], i / kElements == 1 ? 0 : want.gradients[i]);
  }
}

TEST_P(ClassLosses, LargeScoresStayFinite) {
  std::vector<float> outputs(kElements, 0);
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = i % 2 ? 1e30f : -1e30f;
  const Outcome outcome = evaluate(*loss, 1, outputs, std::vector<int32_t>(kPositions, 1).data());
  EXPECT_TRUE(std::isfinite(outcome.losses[0]));
  for (float value : outcome.gradients) EXPECT_TRUE(std::isfinite(value));
  outputs[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(evaluate(*loss, 1, outputs, std::vector<int32_t>(kPositions, 1).data()).losses[0]));
}

TEST(CrossEntropyWeights, ClassesOfWeightZeroAloneAreZero) {
  auto loss = make("crossEntropy", {2, 3}, {{"classWeights", {0, 1, 1}}, {"labelSmoothing", {0.5}}});
  const Outcome outcome = evaluate(*loss, 1, normalFloats(6, 7), std::vector<int32_t>{0, 0}.data());
  EXPECT_EQ(outcome.losses[0], 0);
  EXPECT_EQ(outcome.gradients, std::vector<float>(6, 0.0f));
}

TEST(Dice, FollowsItsDefinition) {
  auto loss = make("dice", {2, 2}, {{"smooth", {0.5}}});
  const std::vector<float> outputs = {0, 0, static_cast<float>(std::log(3.0)), 0};  // p = ½ ½, ¾ ¼
  const double first = (2 * 0.75 + 0.5) / (1.25 + 1 + 0.5), second = (2 * 0.5 + 0.5) / (0.75 + 1 + 0.5);
  EXPECT_NEAR(evaluate(*loss, 1, outputs, std::vector<int32_t>{1, 0}.data()).losses[0], 1 - (first + second) / 2, 1e-7);
}

// Certain and right: the gradient is tiny, and still has float32's digits.
TEST(Dice, GradientsOfCertainPositionsKeepTheirDigits) {
  auto loss = make("dice", {2, 2});
  const std::vector<float> outputs = {16, 0, 0, 15};
  const Outcome outcome = evaluate(*loss, 1, outputs, std::vector<int32_t>{0, 1}.data());
  const double small = 1 / (1 + std::exp(16.0)), other = 1 / (1 + std::exp(15.0));
  const double extent0 = 2 - small + other + 1, extent1 = 2 - other + small + 1;
  const double byOwn = (2 * (1 - small) + 1) / (extent0 * extent0) - 2 / extent0;
  const double byOther = (2 * (1 - other) + 1) / (extent1 * extent1);
  const double want = small * (1 - small) * (byOwn - byOther) / 2;
  EXPECT_NEAR(outcome.gradients[0], want, 1e-6 * std::abs(want));
}

TEST(DiceCrossEntropy, IsTheWeightedSum) {
  const Shape shape = {kPositions, kClasses};
  Values weighted = kOptions;
  weighted["crossEntropyWeight"] = {0.25};
  weighted["diceWeight"] = {3};
  const std::vector<float> outputs = normalFloats(2 * kElements, 8);
  const std::vector<int32_t> labels = someLabels(2, 0);
  const auto of = [&](const char* kind, const Values& values) {
    return evaluate(*make(kind, shape, values), 2, outputs, labels.data());
  };
  const Outcome first = of("crossEntropy", kOptions), second = of("dice", kOptions);
  const Outcome sum = of("diceCrossEntropy", weighted);
  for (size_t b = 0; b < 2; ++b) EXPECT_DOUBLE_EQ(sum.losses[b], 0.25 * first.losses[b] + 3 * second.losses[b]);
  for (size_t i = 0; i < sum.gradients.size(); ++i)
    EXPECT_NEAR(sum.gradients[i], 0.25 * first.gradients[i] + 3 * second.gradients[i], 1e-7);
}

TEST(ClassLossRefusal, NamesWhatCameAndWhatIsAllowed) {
  const Shape shape = {kPositions, kClasses};
  EXPECT_NE(refusal("dice", {3, 4, 5}).find("dice got a model output of rank 3"), std::string::npos);
  EXPECT_NE(refusal("dice", shape, {{"smooth", {0}}}).find("smooth 0"), std::string::npos);
  EXPECT_NE(refusal("dice", {5, 1}, {{"includeBackground", {0}}}).find("one class"), std::string::npos);
  EXPECT_NE(refusal("crossEntropy", shape, {{"classWeights", {1, 2}}}).find("2 classWeights; the model's output has 4"),
            std::string::npos);
  EXPECT_NE(refusal("diceCrossEntropy", shape, {{"classWeights", {1, 2, -1, 1}}}).find("0 or more"), std::string::npos);
  EXPECT_NE(refusal("diceCrossEntropy", shape, {{"diceWeight", {-1}}}).find("diceWeight -1"), std::string::npos);
}

}  // namespace
}  // namespace hushgrad
