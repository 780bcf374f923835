// The CUDA update's body, run by the CPU: the same bits as privatize/ gives, for every optimizer.
#include <gtest/gtest.h>

#include "backend/cuda/bodies/update.h"
#include "privatize/privatize.h"
#include "test/backend/cuda/host_executor.h"
#include "test/support/numbers.h"

namespace hushgrad::cuda {
namespace {

struct Case {
  const char* name;
  OptimizerSpec spec;
};

OptimizerSpec spec(const char* kind, const std::map<std::string, std::vector<double>>& values = {}) {
  OptimizerSpec result;
  result.kind = kind;
  result.attributes.values = values;
  return result;
}

std::vector<Case> cases() {
  return {{"sgd", spec("sgd")},
          {"decay", spec("sgd", {{"weightDecay", {0.02}}})},
          {"momentum", spec("sgd", {{"momentum", {0.9}}, {"dampening", {0.1}}})},
          {"nesterov", spec("sgd", {{"momentum", {0.9}}, {"nesterov", {1}}})},
          {"adam", spec("adam", {{"weightDecay", {0.1}}})},
          {"adamw", spec("adamw", {{"betas", {0.8, 0.99}}})},
          {"rmsprop", spec("rmsprop")},
          {"rmsprop momentum", spec("rmsprop", {{"momentum", {0.9}}})},
          {"rmsprop centred", spec("rmsprop", {{"centered", {1}}, {"weightDecay", {0.1}}})},
          {"rmsprop both", spec("rmsprop", {{"centered", {1}}, {"momentum", {0.9}}})},
          {"adagrad", spec("adagrad", {{"learningRateDecay", {0.1}}, {"weightDecay", {0.1}}})}};
}

// Parameter and state after some steps, one way and the other.
struct State {
  std::vector<float> parameter;
  std::vector<std::vector<float>> slots;
};

State started(int64_t count, int slots) {
  return {normalFloats(count, 1),
          std::vector<std::vector<float>>(static_cast<size_t>(slots), std::vector<float>(static_cast<size_t>(count)))};
}

constexpr double kDeviation = 1.3, kNormalizer = 48;

void stepOnCpu(const Optimizer& optimizer, const OptimizerStep& step, const std::vector<float>& sum,
               const GaussianNoise& noise, State& state) {
  const float* lanes[] = {sum.data()};
  std::vector<float*> slots;
  for (auto& slot : state.slots) slots.push_back(slot.data());
  privatizeAndUpdate({1, lanes, static_cast<int64_t>(sum.size()), &noise, kDeviation, static_cast<uint64_t>(step.step),
                      0, kNormalizer, state.parameter.data(), slots.data(), 0},
                     optimizer, step);
}

Update updateOf(const Optimizer& optimizer, const OptimizerStep& step, const std::vector<float>& sum,
                const float* normals, State& state) {
  Update update{};
  update.count = static_cast<int64_t>(sum.size());
  update.sum = sum.data();
  update.normals = normals;
  update.deviation = deviationAtLeast(kDeviation);
  update.scale = static_cast<float>(1 / kNormalizer);
  update.parameter = state.parameter.data();
  for (size_t slot = 0; slot < state.slots.size(); ++slot) update.state[slot] = state.slots[slot].data();
  update.rule = optimizer.rule(step);
  return update;
}

TEST(CudaUpdate, GivesTheCpusBits) {
  GaussianNoise noise;
  noise.setKey({5});
  for (const Case& one : cases()) {
    for (int64_t count : {1, 255, 1024, 1025, 4999}) {
      const auto optimizer = makeOptimizer(one.spec);
      State want = started(count, optimizer->slots()), got = want;
      std::vector<float> normals(static_cast<size_t>(count));
      for (int64_t number = 1; number <= 3; ++number) {
        const OptimizerStep step{0.05, number};
        const std::vector<float> sum = normalFloats(count, static_cast<uint32_t>(10 + number), 20);
        stepOnCpu(*optimizer, step, sum, noise, want);
        noise.fill(static_cast<uint64_t>(number), 0, count, normals.data(), 0);
        HostExecutor{}.run(updateOf(*optimizer, step, sum, normals.data(), got));
      }
      EXPECT_EQ(got.parameter, want.parameter) << one.name << ", " << count;
      EXPECT_EQ(got.slots, want.slots) << one.name << ", " << count;
    }
  }
}

TEST(CudaUpdate, AddsNoNoiseToWhatTheMaskDrops) {
  const int64_t count = 1000;
  const auto optimizer = makeOptimizer(spec("sgd"));
  const std::vector<float> sum(static_cast<size_t>(count)), normals = normalFloats(count, 4);
  std::vector<uint32_t> mask((static_cast<size_t>(count) + 31) / 32, 0x5a5a0ff0u);
  State before = started(count, 0), after = before;
  Update update = updateOf(*optimizer, {1, 1}, sum, normals.data(), after);
  update.mask = mask.data();
  HostExecutor{}.run(update);
  for (size_t i = 0; i < before.parameter.size(); ++i) {
    const bool kept = (0x5a5a0ff0u >> (i % 32) & 1) != 0;
    const double want = before.parameter[i] - (kept ? kDeviation * normals[i] / kNormalizer : 0);
    ASSERT_NEAR(after.parameter[i], want, 1e-6) << i;
    ASSERT_TRUE(kept || after.parameter[i] == before.parameter[i]) << i;
  }
}

TEST(CudaUpdate, WithoutNormalsThereIsNoNoise) {
  const std::vector<float> sum{48, -96};
  State state{{1, 2}, {}};
  HostExecutor{}.run(updateOf(*makeOptimizer(spec("sgd")), {0.5, 1}, sum, nullptr, state));
  EXPECT_NEAR(state.parameter[0], 0.5, 1e-6);
  EXPECT_NEAR(state.parameter[1], 3, 1e-6);
}

}  // namespace
}  // namespace hushgrad::cuda
