// A record whose terms a_t e_tᵀ are huge and cancel: its gradient is tiny, so that its clip factor bounds nothing of
// the terms. Added one by one they would round its chunk-mates' shares away, and with them far more than the
// sensitivity.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "session/session.h"
#include "test/support/numbers.h"
#include "test/support/specs.h"

namespace hushgrad {
namespace {

constexpr int64_t kMates = 7;

struct Net {
  const char* name;
  NodeSpec node;
  Shape input, weight;
  int64_t channels, positions;  // of the output
  bool channelsFirst;
};

Net linearNet() {
  return {"linear", node("Linear", 0, {2, 32}, {0, 1}, {{"inFeatures", {32}}, {"outFeatures", {32}}}),
          {2, 32},  {32, 32},
          32,       2,
          false};
}

// No padding: a constant picture has the same patch everywhere.
Net convolutionNet() {
  return {"convolution",
          node("Conv2d", 0, {32, 4, 4}, {0, 1},
               {{"inChannels", {32}},
                {"outChannels", {32}},
                {"kernelSize", {3, 3}},
                {"stride", {1, 1}},
                {"padding", {0, 0}},
                {"dilation", {1, 1}},
                {"groups", {1}}}),
          {32, 6, 6},
          {32, 32, 3, 3},
          32,
          16,
          true};
}

SessionSpec specOf(const Net& net, Strategy strategy) {
  SessionSpec spec;
  spec.model.inputShape = net.input;
  spec.model.parameters = {{"weight", net.weight}, {"bias", {net.channels}}};
  spec.model.nodes = {net.node};
  if (net.channelsFirst) spec.model.nodes.push_back(node("Flatten", 1, {net.channels * net.positions}, {}, {}));
  spec.loss = "meanSquaredError";
  spec.clipping.function = "abadi";
  spec.clipping.groupOfParameter = {0, 0};
  spec.clipping.thresholds = {1};
  spec.strategy = strategy;
  spec.optimizer.kind = "sgd";
  spec.chunkSize = kMates + 1;
  spec.threads = 1;
  return spec;
}

// Weights are zero, so the output gradient is −2/N of the target: alike at all positions for the mates, of alternating
// sign for the record, which comes last.
std::vector<float> sumOf(const Net& net, Strategy strategy, int64_t examples, float size, float residue) {
  Session session(specOf(net, strategy));
  std::vector<float> weights(static_cast<size_t>(elementCount(net.weight))), bias(static_cast<size_t>(net.channels));
  session.setParameter(0, weights.data());
  session.setParameter(1, bias.data());
  int64_t in = elementCount(net.input), out = net.channels * net.positions;
  std::vector<float> inputs(static_cast<size_t>((kMates + 1) * in), 1.0f);
  std::vector<float> targets(static_cast<size_t>((kMates + 1) * out), 100.0f);
  std::fill_n(inputs.begin() + kMates * in, in, size);
  for (int64_t i = 0; i < out; ++i) {
    int64_t position = net.channelsFirst ? i % net.positions : i / net.channels;
    targets[static_cast<size_t>(kMates * out + i)] = position % 2 ? -size * (1 + residue) : size;
  }
  EXPECT_TRUE(session.accumulate({examples, inputs.data(), targets.data()}));
  float* sums[] = {weights.data(), bias.data()};
  session.takeClippedSums(sums);
  weights.insert(weights.end(), bias.begin(), bias.end());
  return weights;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return std::sqrt(sum);
}

TEST(Cancelling, NoRecordRoundsItsChunkMatesAway) {
  for (const Net& net : {linearNet(), convolutionNet()})
    for (Strategy strategy : {Strategy::naive, Strategy::materialize, Strategy::fused, Strategy::reweight,
                              Strategy::ghost, Strategy::autoSelect}) {
      const std::vector<float> without = sumOf(net, strategy, kMates, 0, 0);
      EXPECT_NEAR(distance(without, std::vector<float>(without.size())), kMates, 1e-3);
      for (float size : {0x1p10f, 0x1p20f, 0x1p30f})
        for (float residue : {0.0f, 0x1p-23f, 0x1p-12f})
          EXPECT_LE(distance(sumOf(net, strategy, kMates + 1, size, residue), without), 1 + 1e-5)
              << net.name << " " << strategyRow(strategy).name << " size " << size << " residue " << residue;
    }
}

// Else the test above would say nothing of `auto`.
TEST(Cancelling, AutoTakesTheGhostNormOfTheseLayers) {
  for (const Net& net : {linearNet(), convolutionNet()}) {
    Session session(specOf(net, Strategy::autoSelect));
    std::vector<std::string> methods;
    for (const LayerPlan& layer : session.plan().layers) methods.push_back(layer.method);
    EXPECT_EQ(std::count(methods.begin(), methods.end(), "ghost norm, kept output gradient"), 1) << net.name;
  }
}

// A picture of one colour has a gradient that is all but constant, of which standardised weights pass nothing on: the
// raw weights' gradient is short however large the other is, and a sum of the others over the chunk would drown the
// mates.
std::vector<float> standardizedSum(Strategy strategy, int64_t examples, float size) {
  Net net = convolutionNet();
  net.node.parameters = {0, -1};
  net.node.attributes.values["weightStandardization"] = {1};
  SessionSpec spec = specOf(net, strategy);
  spec.model.parameters.pop_back();
  spec.clipping.groupOfParameter.pop_back();
  Session session(spec);
  session.setParameter(0, normalFloats(elementCount(net.weight), 1).data());
  const int64_t in = elementCount(net.input), out = net.channels * net.positions;
  std::vector<float> inputs = normalFloats((kMates + 1) * in, 2), targets = normalFloats((kMates + 1) * out, 3);
  std::fill(inputs.begin() + kMates * in, inputs.end(), size);
  std::fill(targets.begin() + kMates * out, targets.end(), size);
  EXPECT_TRUE(session.accumulate({examples, inputs.data(), targets.data()}));
  std::vector<float> sum(static_cast<size_t>(elementCount(net.weight)));
  float* sums[] = {sum.data()};
  session.takeClippedSums(sums);
  return sum;
}

TEST(Cancelling, NothingOfAConstantGradientPassesStandardisation) {
  for (Strategy strategy : {Strategy::naive, Strategy::materialize, Strategy::fused, Strategy::reweight,
                            Strategy::ghost, Strategy::autoSelect}) {
    const std::vector<float> without = standardizedSum(strategy, kMates, 0);
    EXPECT_GT(distance(without, std::vector<float>(without.size())), 1);
    for (float size : {0x1p10f, 0x1p20f, 0x1p30f})
      EXPECT_LE(distance(standardizedSum(strategy, kMates + 1, size), without), 1 + 1e-5)
          << strategyRow(strategy).name << " size " << size;
  }
}

}  // namespace
}  // namespace hushgrad
