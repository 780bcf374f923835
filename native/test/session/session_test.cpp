// A whole session on a small convolutional net: strategies agree with the naive one and with per-example gradients,
// chunks, threads and lanes change nothing but rounding, bad examples are left out.
#include "session/session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "test/support/numbers.h"
#include "test/support/specs.h"

namespace hushgrad {
namespace {

constexpr int kExamples = 11;
constexpr int kClasses = 3;

// conv(2→4) – groupnorm – tanh – maxpool – flatten – linear – relu – linear
ModelSpec smallNet() {
  ModelSpec model;
  model.inputShape = {2, 6, 6};
  model.parameters = {{"0.weight", {4, 2, 3, 3}}, {"0.bias", {4}}, {"1.weight", {4}},           {"1.bias", {4}},
                      {"5.weight", {5, 36}},      {"5.bias", {5}}, {"7.weight", {kClasses, 5}}, {"7.bias", {kClasses}}};
  model.nodes = {
      node("Conv2d", 0, {4, 6, 6}, {0, 1},
           {{"inChannels", {2}},
            {"outChannels", {4}},
            {"kernelSize", {3, 3}},
            {"stride", {1, 1}},
            {"padding", {1, 1}},
            {"dilation", {1, 1}},
            {"groups", {1}}}),
      node("GroupNorm", 1, {4, 6, 6}, {2, 3}, {{"groups", {2}}, {"epsilon", {1e-5}}}),
      node("Tanh", 2, {4, 6, 6}),
      node("MaxPool2d", 3, {4, 3, 3}, {},
           {{"kernelSize", {2, 2}}, {"stride", {2, 2}}, {"padding", {0, 0}}, {"dilation", {1, 1}}}),
      node("Flatten", 4, {36}),
      node("Linear", 5, {5}, {4, 5}, {{"inFeatures", {36}}, {"outFeatures", {5}}}),
      node("ReLU", 6, {5}),
      node("Linear", 7, {kClasses}, {6, 7}, {{"inFeatures", {5}}, {"outFeatures", {kClasses}}}),
  };
  return model;
}

struct Setting {
  Strategy strategy = Strategy::autoSelect;
  std::string function = "abadi";
  bool perLayer = false;
  int64_t chunkSize = 0;
  int threads = 2;
  bool deterministic = false;
};

SessionSpec specOf(const Setting& setting) {
  SessionSpec spec;
  spec.model = smallNet();
  spec.loss = "crossEntropy";
  spec.lossAttributes.values = {{"ignoreIndex", {-100}}, {"labelSmoothing", {0}}};
  spec.clipping.function = setting.function;
  spec.clipping.attributes.values = {{"gamma", {0.01}}};
  spec.clipping.groupOfParameter = setting.perLayer ? std::vector<int>{0, 0, 1, 1, 2, 2, 3, 3} : std::vector<int>(8, 0);
  spec.clipping.thresholds = setting.perLayer ? std::vector<double>(4, 0.25) : std::vector<double>{0.5};
  spec.strategy = setting.strategy;
  spec.optimizer.kind = "sgd";
  spec.chunkSize = setting.chunkSize;
  spec.threads = setting.threads;
  spec.deterministic = setting.deterministic;
  return spec;
}

struct Batch {
  std::vector<float> inputs = std::vector<float>(kExamples * 72);
  std::vector<int32_t> targets = std::vector<int32_t>(kExamples);
  Batch() {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& x : inputs) x = normal(random);
    for (int32_t& t : targets) t = static_cast<int32_t>(random() % kClasses);
  }
  BatchView view() const { return {kExamples, inputs.data(), targets.data()}; }
};

std::unique_ptr<Session> makeSession(const Setting& setting) {
  auto session = std::make_unique<Session>(specOf(setting));
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  const ModelSpec model = smallNet();
  for (size_t p = 0; p < model.parameters.size(); ++p) {
    std::vector<float> values(static_cast<size_t>(elementCount(model.parameters[p].shape)));
    for (float& x : values) x = 0.4f * normal(random);
    session->setParameter(p, values.data());
  }
  return session;
}

std::vector<float> clippedSum(Session& session, const BatchView& batch) {
  EXPECT_TRUE(session.accumulate(batch));
  std::vector<size_t> offsets;
  size_t elements = 0;
  for (const ParameterSpec& parameter : smallNet().parameters) {
    offsets.push_back(elements);
    elements += static_cast<size_t>(elementCount(parameter.shape));
  }
  std::vector<float> all(elements);
  std::vector<float*> values;
  for (size_t offset : offsets) values.push_back(all.data() + offset);
  session.takeClippedSums(values.data());
  return all;
}

void expectNear(const std::vector<float>& actual, const std::vector<float>& expected, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  double scale = norm(expected), difference = 0;
  for (size_t i = 0; i < actual.size(); ++i) difference += std::pow(static_cast<double>(actual[i]) - expected[i], 2);
  EXPECT_GT(scale, 0) << what;
  EXPECT_LT(std::sqrt(difference), 1e-5 * scale) << what;
}

TEST(Session, StrategiesAgreeWithPerExampleGradients) {
  Batch batch;
  for (const char* function : {"abadi", "autoS", "autoV"}) {
    // Expected: each gradient written out, clipped in float64.
    auto reference = makeSession({Strategy::naive, function});
    const ModelSpec model = smallNet();
    std::vector<std::vector<float>> gradients;
    std::vector<float*> pointers;
    for (const ParameterSpec& parameter : model.parameters)
      gradients.emplace_back(static_cast<size_t>(kExamples * elementCount(parameter.shape)));
    for (auto& gradient : gradients) pointers.push_back(gradient.data());
    std::vector<double> norms(kExamples), losses(kExamples);
    reference->perExampleGradients(batch.view(), pointers.data(), norms.data(), losses.data());
    std::vector<float> expected;
    for (size_t p = 0; p < gradients.size(); ++p) {
      int64_t count = elementCount(model.parameters[p].shape);
      for (int64_t i = 0; i < count; ++i) {
        double sum = 0;
        for (int b = 0; b < kExamples; ++b) {
          double n = std::sqrt(norms[b]);
          double factor = function == std::string("abadi")   ? std::min(1.0, 0.5 / n)
                          : function == std::string("autoS") ? 0.5 / (n + 0.01)
                                                             : 0.5 / n;
          sum += factor * gradients[p][b * count + i];
        }
        expected.push_back(static_cast<float>(sum));
      }
    }
    for (Strategy strategy : kPrivate) {
      auto session = makeSession({strategy, function});
      expectNear(clippedSum(*session, batch.view()), expected,
                 std::string(strategyRow(strategy).name) + " " + function);
    }
  }
}

TEST(Session, StrategiesAgreeWithPerLayerClipping) {
  Batch batch;
  auto expected = clippedSum(*makeSession({Strategy::naive, "abadi", true}), batch.view());
  for (Strategy strategy : kPrivate)
    for (int64_t chunk : {1, 3, 16})
      expectNear(clippedSum(*makeSession({strategy, "abadi", true, chunk}), batch.view()), expected,
                 strategyRow(strategy).name);
}

TEST(Session, ChunksAndThreadsChangeOnlyRounding) {
  Batch batch;
  for (Strategy strategy : kPrivate) {
    auto expected = clippedSum(*makeSession({strategy}), batch.view());
    for (int64_t chunk : {1, 4, 7, 11})
      for (int threads : {1, 2, 3})
        expectNear(clippedSum(*makeSession({strategy, "abadi", false, chunk, threads}), batch.view()), expected,
                   strategyRow(strategy).name);
  }
}

TEST(Session, DeterministicModeDoesNotDependOnThreads) {
  Batch batch;
  for (Strategy strategy : kPrivate) {
    auto one = clippedSum(*makeSession({strategy, "abadi", false, 2, 1, true}), batch.view());
    auto two = clippedSum(*makeSession({strategy, "abadi", false, 2, 2, true}), batch.view());
    EXPECT_EQ(one, two) << strategyRow(strategy).name;
  }
}

TEST(Session, BadExamplesAreLeftOutByEveryStrategy) {
  Batch good, bad;
  const float hostile[] = {NAN, INFINITY, 3e38f};
  for (float value : hostile) {
    bad = good;
    for (int i = 0; i < 72; ++i) bad.inputs[4 * 72 + i] = i % 2 ? value : -value;
    bad.targets[8] = 77;  // no such class
    for (Strategy strategy : kPrivate) {
      auto session = makeSession({strategy});
      auto sum = clippedSum(*session, bad.view());
      int64_t leftOut = session->takeStatistics().leftOut;
      for (float x : sum) ASSERT_TRUE(std::isfinite(x)) << strategyRow(strategy).name << " " << value;
      EXPECT_GE(leftOut, 1) << strategyRow(strategy).name;

      // The same as if the records had not been there, up to rounding.
      Batch without = bad;
      std::vector<float> expected(sum.size());
      for (int b = 0; b < kExamples; ++b) {
        if (b == 8 || (b == 4 && leftOut == 2)) continue;
        auto single = clippedSum(*makeSession({strategy}), {1, bad.inputs.data() + b * 72, bad.targets.data() + b});
        for (size_t i = 0; i < sum.size(); ++i) expected[i] += single[i];
      }
      expectNear(sum, expected, strategyRow(strategy).name);
    }
  }
}

TEST(Session, OneExampleMovesTheSumByAtMostItsThreshold) {
  Batch batch;
  for (Strategy strategy : kPrivate)
    for (float scale : {1e-6f, 1.0f, 1e6f, 1e15f}) {
      std::vector<float> inputs(batch.inputs.begin(), batch.inputs.begin() + 72);
      for (float& x : inputs) x *= scale;
      auto sum = clippedSum(*makeSession({strategy, "autoV"}), {1, inputs.data(), batch.targets.data()});
      EXPECT_LE(norm(sum), 0.5) << strategyRow(strategy).name << " " << scale;
    }
}

TEST(Session, NoneSumsPlainGradients) {
  Batch batch;
  auto none = clippedSum(*makeSession({Strategy::none}), batch.view());
  SessionSpec open = specOf({Strategy::naive});
  open.clipping.thresholds = {1e9};
  Session session(open);
  auto source = makeSession({});
  for (size_t p = 0; p < open.model.parameters.size(); ++p) {
    std::vector<float> values(static_cast<size_t>(elementCount(open.model.parameters[p].shape)));
    source->getParameter(p, values.data());
    session.setParameter(p, values.data());
  }
  expectNear(none, clippedSum(session, batch.view()), "none");
}

TEST(Session, AnEmptyBatchIsNoiseAlone) {
  auto session = makeSession({});
  NoiseKey key{};
  key[3] = 9;
  session->setNoiseKey(key);
  std::vector<float> before(180), after(180);
  session->getParameter(4, before.data());
  EXPECT_TRUE(session->accumulate({0, nullptr, nullptr}));
  UpdateSpec update;
  update.noiseDeviation = 2;
  update.normalizer = 10;
  update.optimizer.learningRate = 1;
  UpdateResult result = session->update(update);
  for (bool moved : result.moved) EXPECT_TRUE(moved);
  session->getParameter(4, after.data());
  double sum = 0;
  for (size_t i = 0; i < 180; ++i) sum += std::pow(after[i] - before[i], 2);
  EXPECT_NEAR(std::sqrt(sum / 180), 0.2, 0.05);
}

TEST(Session, CancellingClearsTheSums) {
  Batch batch;
  auto session = makeSession({});
  std::atomic<bool> cancelled{true};
  EXPECT_FALSE(session->accumulate(batch.view(), &cancelled));
  auto expected = clippedSum(*makeSession({}), batch.view());
  EXPECT_EQ(clippedSum(*session, batch.view()), expected);
}

TEST(Session, RefusesAModelWithNothingToTrain) {
  SessionSpec spec = specOf({});
  for (ParameterSpec& parameter : spec.model.parameters) parameter.trainable = false;
  spec.clipping.groupOfParameter.assign(8, -1);
  EXPECT_THROW(Session{spec}, std::invalid_argument);
}

TEST(Session, FrozenLayersKeepTheirWeightsAndCostNoNorm) {
  Batch batch;
  for (Strategy strategy : kPrivate) {
    SessionSpec spec = specOf({strategy});
    for (int p : {0, 1, 4}) {
      spec.model.parameters[static_cast<size_t>(p)].trainable = false;
      spec.clipping.groupOfParameter[static_cast<size_t>(p)] = -1;
    }
    spec.clipping.thresholds = {1e9};
    Session session(spec);
    SessionSpec open = specOf({strategy});
    open.clipping.thresholds = {1e9};
    Session whole(open);
    auto source = makeSession({});
    for (size_t p = 0; p < 8; ++p) {
      std::vector<float> values(static_cast<size_t>(elementCount(spec.model.parameters[p].shape)));
      source->getParameter(p, values.data());
      session.setParameter(p, values.data());
      whole.setParameter(p, values.data());
    }
    auto frozen = clippedSum(session, batch.view());
    auto all = clippedSum(whole, batch.view());
    size_t at = 0;
    for (size_t p = 0; p < 8; ++p)
      for (int64_t i = 0; i < elementCount(spec.model.parameters[p].shape); ++i, ++at)
        EXPECT_NEAR(frozen[at], p == 0 || p == 1 || p == 4 ? 0 : all[at], 1e-4f) << p;
  }
}

// A batch with weights is the sum of its examples' clipped gradients, each times its weight; and thresholds set between
// batches hold from the next one on.
TEST(Session, WeightsAndThresholdsOfTheBatch) {
  Batch batch;
  std::vector<float> weights(kExamples);
  for (size_t b = 0; b < weights.size(); ++b) weights[b] = static_cast<float>(b % 4) / 2;
  for (bool perLayer : {false, true})
    for (Strategy strategy : kPrivate) {
      Setting setting{strategy, "abadi"};
      setting.perLayer = perLayer;
      auto session = makeSession(setting);
      std::vector<double> thresholds(perLayer ? 4 : 1, 0.125);
      session->setThresholds(thresholds.data());
      std::vector<float> expected;
      for (int64_t b = 0; b < kExamples; ++b) {
        const BatchView one{1, batch.inputs.data() + b * 72, batch.targets.data() + b};
        const std::vector<float> sum = clippedSum(*session, one);
        EXPECT_LE(norm(sum), 0.125 * std::sqrt(static_cast<double>(thresholds.size())));
        expected.resize(sum.size());
        for (size_t i = 0; i < sum.size(); ++i) expected[i] += weights[static_cast<size_t>(b)] * sum[i];
      }
      BatchView weighted = batch.view();
      weighted.weights = weights.data();
      expectNear(clippedSum(*session, weighted), expected, strategyRow(strategy).name);
    }
}

// By group, the examples that are short enough; one that is left out counts nowhere.
TEST(Session, CountsNormsWithinTheThresholds) {
  Batch batch;
  for (Strategy strategy : kPrivate) {
    Setting setting{strategy, "abadi"};
    setting.perLayer = true;
    auto session = makeSession(setting);
    std::vector<double> norms(4 * kExamples);
    session->perExampleGradients(batch.view(), nullptr, norms.data(), nullptr);
    batch.inputs[72 * 3] = NAN;
    EXPECT_TRUE(session->accumulate(batch.view()));
    batch.inputs[72 * 3] = 0;
    const BatchStatistics statistics = session->takeStatistics();
    EXPECT_EQ(statistics.leftOut, 1);
    ASSERT_EQ(statistics.within.size(), 4u);
    for (int64_t group = 0; group < 4; ++group) {
      int64_t within = 0;
      for (int64_t b = 0; b < kExamples; ++b) within += b != 3 && norms[group * kExamples + b] <= 0.25 * 0.25;
      EXPECT_EQ(statistics.within[static_cast<size_t>(group)], within) << strategyRow(strategy).name << " " << group;
    }
  }
}

}  // namespace
}  // namespace hushgrad
