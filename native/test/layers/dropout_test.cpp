#include <gtest/gtest.h>

#include <cmath>

#include "test/layers/layer_run.h"
#include "test/support/backends.h"

namespace hushgrad {
namespace {

constexpr int64_t kElements = 37;

LayerCase dropoutCase(double rate) {
  LayerCase layer;
  layer.kind = "Dropout";
  layer.attributes.values["rate"] = {rate};
  layer.input = layer.output = {kElements};
  return layer;
}

class DropoutTest : public testing::TestWithParam<NamedBackend> {
 protected:
  // What the layer makes of ones, for `examples` examples from `first` on.
  static Doubles mask(int64_t examples, uint64_t first, uint64_t key, double rate = 0.25) {
    LayerRun run(*GetParam().backend, dropoutCase(rate), examples);
    for (int64_t b = 0; b < examples; ++b) run.setRow(b, Doubles(kElements, 1.0), Doubles(kElements, 1.0));
    run.tape().firstExample = first;
    run.tape().dropoutKey = key;
    run.forward(examples);
    run.backward();
    Doubles all;
    for (int64_t b = 0; b < examples; ++b) {
      Doubles row = run.output(b);
      EXPECT_EQ(row, run.inputGradient(b));  // backward draws the same mask
      all.insert(all.end(), row.begin(), row.end());
    }
    return all;
  }
};

TEST_P(DropoutTest, MaskDoesNotDependOnChunking) {
  Doubles whole = mask(9, 0, 42), pieces = mask(4, 0, 42);
  for (uint64_t first : {4, 6}) {
    Doubles next = mask(first == 4 ? 2 : 3, first, 42);
    pieces.insert(pieces.end(), next.begin(), next.end());
  }
  EXPECT_EQ(whole, pieces);
}

TEST_P(DropoutTest, KeepsTheMeanAndTheRate) {
  constexpr int64_t kExamples = 1000;
  Doubles drawn = mask(kExamples, 0, 7);
  double kept = 0;
  for (double value : drawn) {
    if (value == 0) continue;
    EXPECT_NEAR(value, 1 / 0.75, 1e-6);
    ++kept;
  }
  double count = static_cast<double>(drawn.size());
  EXPECT_NEAR(kept / count, 0.75, 5 * std::sqrt(0.75 * 0.25 / count));
}

TEST_P(DropoutTest, AnotherKeyIsAnotherMask) {
  EXPECT_NE(mask(4, 0, 1), mask(4, 0, 2));
}

TEST_P(DropoutTest, EvaluationLeavesValuesAlone) {
  LayerRun run(*GetParam().backend, dropoutCase(0.9), 3);
  run.tape().training = false;
  run.forward(3);
  for (int64_t b = 0; b < 3; ++b) EXPECT_EQ(run.output(b), run.x(b));
}

std::string nameOf(const testing::TestParamInfo<NamedBackend>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Dropout, DropoutTest, testing::ValuesIn(testBackends()), nameOf);

}  // namespace
}  // namespace hushgrad
