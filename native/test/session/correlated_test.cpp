// Sessions whose noise is correlated: memory in and out, drawn again, planned, and what it does not go with.
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "session/session.h"
#include "test/support/specs.h"

namespace hushgrad {
namespace {

constexpr int64_t kIn = 70, kOut = 40;

// y = Wx with squared error; with W of more floats than two blocks of noise.
SessionSpec correlated(std::optional<NoiseRecurrence> recurrence) {
  SessionSpec spec;
  spec.strategy = Strategy::autoSelect;
  spec.optimizer.kind = "sgd";
  spec.threads = 2;
  spec.clipping.function = "abadi";
  spec.clipping.attributes.values = {{"gamma", {0.01}}};
  spec.model.inputShape = {kIn};
  spec.model.parameters = {{"0.weight", {kOut, kIn}}};
  spec.model.nodes = {node("Linear", 0, {kOut}, {0, -1}, {{"inFeatures", {kIn}}, {"outFeatures", {kOut}}})};
  spec.loss = "meanSquaredError";
  spec.clipping.groupOfParameter = {0};
  spec.clipping.thresholds = {1};
  spec.correlation = std::move(recurrence);
  return spec;
}

const NoiseRecurrence kBanded{true, 1.2f, {-0.5f, -0.3f, -0.1f}, {}};
const NoiseRecurrence kBandedInverse{false, 1.2f, {-0.6f, -0.2f}, {}};
const NoiseRecurrence kBuffers{true, 1.1f, {-0.4f, -0.3f}, {0.9f, 0.3f}};

void step(Session& session, int64_t number) {
  UpdateSpec update;
  update.noiseDeviation = 2;
  update.optimizer.learningRate = 1;
  update.optimizer.step = number;
  session.update(update);
}

std::vector<float> weight(const Session& session) {
  std::vector<float> values(kIn * kOut);
  session.getParameter(0, values.data());
  return values;
}

TEST(CorrelatedSession, GoesOnFromItsMemoryOrFromItsKey) {
  for (const NoiseRecurrence& recurrence : {kBanded, kBandedInverse, kBuffers}) {
    Session whole(correlated(recurrence)), moved(correlated(recurrence)), replayed(correlated(recurrence));
    for (Session* session : {&whole, &moved, &replayed}) session->setNoiseKey({7});
    for (int64_t t = 1; t <= 5; ++t) step(whole, t);
    const std::vector<float> at = weight(whole);
    std::vector<float> memory(static_cast<size_t>(whole.noiseMemoryFloats()));
    for (int b = 0; b < whole.noiseBuffers(); ++b) {
      whole.getNoiseMemory(b, memory.data());
      moved.setNoiseMemory(b, memory.data());
    }
    replayed.replayNoise(5);
    for (Session* session : {&moved, &replayed}) session->setParameter(0, at.data());
    for (int64_t t = 6; t <= 12; ++t)
      for (Session* session : {&whole, &moved, &replayed}) step(*session, t);
    EXPECT_EQ(weight(whole), weight(moved));
    EXPECT_EQ(weight(whole), weight(replayed));
    replayed.replayNoise(0);
    replayed.getNoiseMemory(0, memory.data());
    for (float value : memory) ASSERT_EQ(value, 0);
  }
}

TEST(CorrelatedSession, PlansItsMemory) {
  const Session plain(correlated(std::nullopt)), buffered(correlated(kBanded));
  EXPECT_EQ(plain.noiseBuffers(), 0);
  EXPECT_EQ(plain.noiseMemoryFloats(), 0);
  EXPECT_EQ(buffered.noiseBuffers(), 3);
  EXPECT_EQ(buffered.noiseMemoryFloats(), 3 * 1024);
  EXPECT_EQ(buffered.plan().parameterBytes - plain.plan().parameterBytes, 3 * 3 * 1024 * 4);
}

TEST(CorrelatedSession, RefusesWhatItCannotDo) {
  Session plain(correlated(std::nullopt)), buffered(correlated(kBanded));
  std::vector<float> memory(4096);
  EXPECT_THROW(plain.getNoiseMemory(0, memory.data()), std::out_of_range);
  EXPECT_THROW(buffered.getNoiseMemory(3, memory.data()), std::out_of_range);
  EXPECT_THROW(buffered.setNoiseMemory(-1, memory.data()), std::out_of_range);
  EXPECT_THROW(plain.replayNoise(1), std::logic_error);
  EXPECT_THROW(Session(correlated(NoiseRecurrence{true, 1, {1, 2}, {0.5f}})), std::invalid_argument);
  SessionSpec integers = correlated(kBanded);
  integers.clipping.integers = true;
  integers.strategy = Strategy::fused;
  EXPECT_THROW(Session{integers}, std::invalid_argument);
}

}  // namespace
}  // namespace hushgrad
