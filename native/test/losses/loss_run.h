// Losses on arrays of a test: values, gradients, differences to hold them against, refusals.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "losses/loss.h"
#include "test/support/numbers.h"

namespace hushgrad {

using Values = std::map<std::string, std::vector<double>>;

inline std::unique_ptr<Loss> make(const std::string& kind, const Shape& shape, const Values& values = {}) {
  LossSpec spec;
  spec.kind = kind;
  spec.attributes.values = values;
  spec.outputShape = shape;
  return makeLoss(spec);
}

struct Outcome {
  std::vector<double> losses;
  std::vector<float> gradients;
};

inline Outcome evaluate(Loss& loss, int64_t examples, const std::vector<float>& outputs, const void* targets) {
  Outcome outcome{std::vector<double>(static_cast<size_t>(examples), -1),
                  std::vector<float>(outputs.size(), std::nanf(""))};
  std::vector<float> scratch(static_cast<size_t>(loss.scratchFloats(examples)), std::nanf(""));
  loss.evaluate(examples, outputs.data(), targets, outcome.losses.data(), outcome.gradients.data(), scratch.data());
  std::vector<double> without(outcome.losses);
  loss.evaluate(examples, outputs.data(), targets, without.data(), nullptr, nullptr);
  for (size_t b = 0; b < without.size(); ++b) {
    EXPECT_TRUE(without[b] == outcome.losses[b] || (std::isnan(without[b]) && std::isnan(outcome.losses[b])));
  }
  return outcome;
}

// d losses[b] / d outputs by central differences of float32 steps; example by example they are independent, so that
// the sum over examples has the same gradient.
inline std::vector<double> differences(Loss& loss, int64_t examples, std::vector<float> outputs, const void* targets) {
  auto total = [&] {
    std::vector<double> losses(static_cast<size_t>(examples));
    loss.evaluate(examples, outputs.data(), targets, losses.data(), nullptr, nullptr);
    double sum = 0;
    for (double value : losses) sum += value;
    return sum;
  };
  std::vector<double> gradient;
  for (float& output : outputs) {
    float kept = output, above = kept + 1e-3f, below = kept - 1e-3f;
    output = above;
    double high = total();
    output = below;
    double low = total();
    output = kept;
    gradient.push_back((high - low) / (static_cast<double>(above) - below));
  }
  return gradient;
}

inline void expectGradient(Loss& loss, int64_t examples, const std::vector<float>& outputs, const void* targets) {
  std::vector<float> gradients = evaluate(loss, examples, outputs, targets).gradients;
  std::vector<double> got = toDoubles(gradients.data(), static_cast<int64_t>(gradients.size()));
  EXPECT_LE(relativeError(got, differences(loss, examples, outputs, targets)), 1e-5);
}

inline std::string refusal(const std::string& kind, const Shape& shape, const Values& values = {}) {
  try {
    make(kind, shape, values);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace hushgrad
