// The optimizers against steps of torch.optim and of DP-AdamBC's formulas in float64 (test/fixtures/optimizers.py).
#include "privatize/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <ostream>

#include "privatize/privatize.h"

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

struct AdamBcCase {
  std::map<std::string, std::vector<double>> attributes;
  bool masked;
  std::vector<std::vector<double>> after;
};

#include "test/fixtures/optimizers.inc"

std::unique_ptr<Optimizer> make(const std::string& kind, std::map<std::string, std::vector<double>> attributes,
                                bool masked = false) {
  OptimizerSpec spec;
  spec.masked = masked;
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

std::vector<uint8_t> maskOf(const std::vector<double>& kept) {
  std::vector<uint8_t> bits(kept.size() / 8 + 9);
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i] != 0) bits[i / 8] |= static_cast<uint8_t>(1 << i % 8);
  return bits;
}

TEST(DpAdamBc, StepsAsItsFormulasSay) {
  for (const AdamBcCase& one : adamBcCases) {
    const auto optimizer = make("dpAdamBC", one.attributes, one.masked);
    ASSERT_EQ(optimizer->slots(), one.masked ? 3 : 2);
    ASSERT_EQ(optimizer->sharedNumbers(), one.masked ? 0 : 1);
    Trained trained(*optimizer);
    std::vector<double> shared(1);
    const auto count = static_cast<int64_t>(initial.size());
    std::vector<float*> state;
    for (auto& buffer : trained.buffers) state.push_back(buffer.data());
    for (size_t s = 0; s < gradients.size(); ++s) {
      OptimizerStep step{learningRates[s], static_cast<int64_t>(s) + 1, noiseVariances[s], shared.data()};
      optimizer->advance(step, shared.data());
      const std::vector<uint8_t> bits = maskOf(masks[s]);
      std::vector<float> gradient = gradients[s];
      for (size_t i = 0; i < gradient.size() && one.masked; ++i)
        if (masks[s][i] == 0) gradient[i] = 0;
      optimizer->update(
          step, {count, gradient.data(), trained.parameter.data(), state.data(), one.masked ? bits.data() : nullptr});
      // Where v̂ − Φ is small, float32's rounding of either weighs more than elsewhere.
      for (size_t i = 0; i < gradient.size(); ++i)
        ASSERT_NEAR(trained.parameter[i], one.after[s][i], 3e-5 * (1 + std::abs(one.after[s][i])))
            << "step " << s + 1 << ", element " << i << (one.masked ? ", masked" : "");
    }
  }
}

// What the noise adds to v is what is subtracted: with noise alone, v̂ − Φ is zero on average, and a gradient under it
// shows with its own square.
TEST(DpAdamBc, SubtractsTheNoisesVarianceAndNoMore) {
  const int64_t count = 20000;
  const auto optimizer = make("dpAdamBC", {{"betas", {0.5, 0.9}}});
  GaussianNoise noise;
  noise.setKey({3});
  for (const float gradient : {0.0f, 0.02f}) {
    std::vector<float> parameter(count), mean(count), square(count), sum(count, 64 * gradient);
    const float* lanes[] = {sum.data()};
    float* state[] = {mean.data(), square.data()};
    double phi = 0;
    for (int64_t s = 1; s <= 40; ++s) {
      const double deviation = 2 + 0.1 * static_cast<double>(s);  // of the sum; q·N = 64
      OptimizerStep step{0, s, std::pow(deviation / 64, 2), &phi};
      optimizer->advance(step, &phi);
      privatizeAndUpdate(
          {1, lanes, count, &noise, deviation, static_cast<uint64_t>(s), 0, 64, parameter.data(), state, 0}, *optimizer,
          step);
    }
    double clean = 0;
    for (const float value : square) clean += (value - phi) / (1 - std::pow(0.9, 40)) / static_cast<double>(count);
    // v averages 1/(1 − β₂)·(1 + β₂) = 19 squares of variance 2Φ².
    const double deviation = phi * std::sqrt(2.0 / 19 / static_cast<double>(count));
    EXPECT_NEAR(clean, static_cast<double>(gradient) * gradient, 6 * deviation);
    EXPECT_LT(6 * deviation, 2e-2 * phi);
  }
}

TEST(DpAdamBc, HasNoFormForOtherKernels) {
  EXPECT_THROW(make("dpAdamBC", {})->rule({0.1, 1}), std::invalid_argument);
  EXPECT_THROW(make("dpAdamBC", {{"floor", {0}}}), std::invalid_argument);
}

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
    EXPECT_STREQ(error.what(),
                 "no native optimizer is called 'adadelta'; known: adagrad, adam, adamw, dpAdamBC, rmsprop, sgd");
  }
}

}  // namespace
}  // namespace hushgrad
