// Layers of several inputs, on every backend: what they compute, and that they write the gradients that are wanted and
// no others.
#include <gtest/gtest.h>

#include "layers/layer.h"
#include "test/support/backends.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

using Values = std::vector<std::vector<float>>;

constexpr int64_t kExamples = 2;

class SeveralInputs : public testing::TestWithParam<NamedBackend> {
 protected:
  void make(const std::string& kind, const std::vector<Shape>& shapes, const Shape& output,
            Attributes attributes = {}) {
    node.kind = kind;
    node.path = "tested";
    node.attributes = std::move(attributes);
    layer = makeLayer({node, shapes, output, kExamples, true, *GetParam().backend});
    tape.examples = kExamples;
    for (const Shape& shape : shapes) {
      inputs.push_back(normalFloats(kExamples * elementCount(shape), static_cast<uint32_t>(inputs.size() + 1)));
      gradients.emplace_back(inputs.back().size(), NAN);
    }
    y.assign(static_cast<size_t>(kExamples * elementCount(output)), NAN);
    dy = normalFloats(kExamples * elementCount(output), 9);
    for (size_t k = 0; k < inputs.size(); ++k) {
      tape.inputs.push_back(inputs[k].data());
      tape.inputGradients.push_back(gradients[k].data());
    }
    tape.output = y.data();
    tape.outputGradient = dy.data();
  }

  NodeSpec node;
  std::unique_ptr<Layer> layer;
  Tape tape;
  Values inputs, gradients;
  std::vector<float> y, dy;
};

TEST_P(SeveralInputs, Add) {
  make("Add", {{3, 5}, {3, 5}, {3, 5}}, {3, 5});
  tape.inputGradients[1] = nullptr;
  layer->forward(tape);
  layer->inputGradient(tape);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_FLOAT_EQ(y[i], inputs[0][i] + inputs[1][i] + inputs[2][i]);
  EXPECT_EQ(gradients[0], dy);
  EXPECT_EQ(gradients[2], dy);

  const std::vector<float> apart = y;
  tape.output = inputs[0].data();
  tape.inputGradients = {dy.data(), nullptr, nullptr};
  layer->forward(tape);
  layer->inputGradient(tape);
  EXPECT_EQ(inputs[0], apart);
  EXPECT_EQ(dy, gradients[0]);
}

TEST_P(SeveralInputs, Multiply) {
  make("Multiply", {{7}, {7}, {7}}, {7});
  tape.inputGradients[0] = nullptr;
  layer->forward(tape);
  layer->inputGradient(tape);
  for (size_t i = 0; i < y.size(); ++i) {
    EXPECT_FLOAT_EQ(y[i], inputs[0][i] * inputs[1][i] * inputs[2][i]);
    EXPECT_FLOAT_EQ(gradients[1][i], dy[i] * inputs[0][i] * inputs[2][i]);
    EXPECT_FLOAT_EQ(gradients[2][i], dy[i] * inputs[0][i] * inputs[1][i]);
  }
}

// Channels-last: each pixel's channels are one input's and then the other's.
TEST_P(SeveralInputs, ConcatOfChannels) {
  Attributes attributes;
  attributes.values = {{"dimension", {0}}};
  make("Concat", {{2, 3, 4}, {5, 3, 4}}, {7, 3, 4}, attributes);
  layer->forward(tape);
  layer->inputGradient(tape);
  for (size_t pixel = 0; pixel < kExamples * 12; ++pixel) {
    for (size_t c = 0; c < 7; ++c) {
      const size_t k = c < 2 ? 0 : 1, place = c < 2 ? pixel * 2 + c : pixel * 5 + c - 2;
      EXPECT_EQ(y[pixel * 7 + c], inputs[k][place]);
      EXPECT_EQ(gradients[k][place], dy[pixel * 7 + c]);
    }
  }
}

TEST_P(SeveralInputs, ConcatOfRowsLeavesUnwantedGradients) {
  Attributes attributes;
  attributes.values = {{"dimension", {1}}};
  make("Concat", {{2, 3}, {2, 1}}, {2, 4}, attributes);
  tape.inputGradients[0] = nullptr;
  layer->forward(tape);
  layer->inputGradient(tape);
  for (size_t row = 0; row < kExamples * 2; ++row) {
    for (size_t c = 0; c < 3; ++c) EXPECT_EQ(y[row * 4 + c], inputs[0][row * 3 + c]);
    EXPECT_EQ(y[row * 4 + 3], inputs[1][row]);
    EXPECT_EQ(gradients[1][row], dy[row * 4 + 3]);
  }
}

std::string nameOf(const testing::TestParamInfo<NamedBackend>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Layers, SeveralInputs, testing::ValuesIn(testBackends()), nameOf);

}  // namespace
}  // namespace hushgrad
