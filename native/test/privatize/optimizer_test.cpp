// The optimizers against steps of torch.optim in float64 (test/fixtures/optimizers.py).
#include "privatize/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <ostream>

namespace hushgrad {
namespace {

struct OptimizerCase {
  std::string kind;
  std::map<std::string, std::vector<double>> attributes;
  std::vector<std::vector<double>> after;  // the parameter after each step
  std::vector<std::vector<double>> state;  // the buffers after the last
};

void PrintTo(const OptimizerCase& given, std::ostream* out) {
  *out << given.kind;
}

#include "test/fixtures/optimizers.inc"

std::unique_ptr<Optimizer> make(const std::string& kind, std::map<std::string, std::vector<double>> attributes) {
  OptimizerSpec spec;
  spec.kind = kind;
  spec.attributes.values = std::move(attributes);
  return makeOptimizer(spec);
}

// One parameter and its state buffers, updated range by range.
struct Trained {
  explicit Trained(const Optimizer& optimizer) : parameter(initial) {
    for (int slot = 0; slot < optimizer.slots(); ++slot)
      buffers.emplace_back(initial.size(), optimizer.initialState(slot));
  }

  void update(const Optimizer& optimizer, const OptimizerStep& step, const float* gradient, int64_t from, int64_t to) {
    std::vector<float*> state;
    for (auto& buffer : buffers) state.push_back(buffer.data() + from);
    optimizer.update(step, {to - from, gradient + from, parameter.data() + from, state.data()});
  }

  std::vector<float> parameter;
  std::vector<std::vector<float>> buffers;
};

void expectNear(const std::vector<float>& got, const std::vector<double>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 3e-6 * (1 + std::abs(want[i]))) << what << ", element " << i;
  }
}

class OptimizerTest : public testing::TestWithParam<OptimizerCase> {};

TEST_P(OptimizerTest, StepsAsPyTorchDoes) {
  const auto optimizer = make(GetParam().kind, GetParam().attributes);
  Trained trained(*optimizer);
  const auto count = static_cast<int64_t>(initial.size());
  for (size_t s = 0; s < gradients.size(); ++s) {
    const OptimizerStep step{learningRates[s], static_cast<int64_t>(s) + 1};
    trained.update(*optimizer, step, gradients[s].data(), 0, count);
    expectNear(trained.parameter, GetParam().after[s], "step " + std::to_string(s + 1));
  }
  ASSERT_EQ(trained.buffers.size(), GetParam().state.size());
  for (size_t slot = 0; slot < trained.buffers.size(); ++slot) {
    expectNear(trained.buffers[slot], GetParam().state[slot], "slot " + std::to_string(slot));
  }
}

TEST_P(OptimizerTest, EachElementIsItsOwnWhateverTheRange) {
  const auto optimizer = make(GetParam().kind, GetParam().attributes);
  Trained whole(*optimizer), parts(*optimizer);
  const auto count = static_cast<int64_t>(initial.size());
  for (size_t s = 0; s < gradients.size(); ++s) {
    const OptimizerStep step{learningRates[s], static_cast<int64_t>(s) + 1};
    whole.update(*optimizer, step, gradients[s].data(), 0, count);
    parts.update(*optimizer, step, gradients[s].data(), 0, 3);
    parts.update(*optimizer, step, gradients[s].data(), 3, count);
  }
  EXPECT_EQ(whole.parameter, parts.parameter);
  EXPECT_EQ(whole.buffers, parts.buffers);
}

INSTANTIATE_TEST_SUITE_P(PyTorch, OptimizerTest, testing::ValuesIn(cases));

// Where the gradient is constant, rounding takes v − a² below zero: PyTorch then yields NaN.
TEST(Rmsprop, CentredStaysFiniteOnAConstantGradient) {
  const auto optimizer = make("rmsprop", {{"centered", {1}}, {"alpha", {0.5}}});
  std::vector<float> parameter(1000, 0.0f), square(1000), mean(1000), gradient(1000);
  for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = 0.1f + 0.013f * static_cast<float>(i);
  float* state[] = {square.data(), mean.data()};
  for (int64_t s = 1; s <= 100; ++s) optimizer->update({1e-3, s}, {1000, gradient.data(), parameter.data(), state});
  for (float value : parameter) ASSERT_TRUE(std::isfinite(value));
}

TEST(Optimizer, RefusesWhatIsImpossible) {
  EXPECT_THROW(make("sgd", {{"momentum", {-1}}}), std::invalid_argument);
  EXPECT_THROW(make("sgd", {{"nesterov", {1}}}), std::invalid_argument);
  EXPECT_THROW(make("adam", {{"betas", {0.9}}}), std::invalid_argument);
  EXPECT_THROW(make("adam", {{"betas", {0.9, 1}}}), std::invalid_argument);
  EXPECT_THROW(make("rmsprop", {{"alpha", {1}}}), std::invalid_argument);
  EXPECT_THROW(make("adagrad", {{"initialAccumulator", {-1}}}), std::invalid_argument);
  EXPECT_THROW(make("sgd", {{"weightDecay", {NAN}}}), std::invalid_argument);
  try {
    make("adadelta", {});
    FAIL() << "an unknown optimizer was made";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "no native optimizer is called 'adadelta'; known: adagrad, adam, adamw, rmsprop, sgd");
  }
}

}  // namespace
}  // namespace hushgrad
