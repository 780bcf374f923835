#include <gtest/gtest.h>

#include "layers/layer.h"
#include "test/layers/layer_case.h"
#include "test/support/backends.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

class PermuteTest : public testing::TestWithParam<NamedBackend> {
 protected:
  static std::unique_ptr<Layer> make(const std::string& kind, const Shape& shape) {
    NodeSpec node;
    node.kind = kind;
    node.path = "inserted";
    return makeLayer({node, {shape}, shape, 3, true, *GetParam().backend});
  }
  static std::vector<float> forward(Layer& layer, const std::vector<float>& x) {
    std::vector<float> y(x.size());
    Tape tape;
    tape.examples = 3;
    tape.inputs = {x.data()};
    tape.output = y.data();
    layer.forward(tape);
    return y;
  }
  static std::vector<float> backward(Layer& layer, const std::vector<float>& dy) {
    std::vector<float> dx(dy.size());
    Tape tape;
    tape.examples = 3;
    tape.outputGradient = dy.data();
    tape.inputGradients = {dx.data()};
    layer.inputGradient(tape);
    return dx;
  }
};

TEST_P(PermuteTest, MovesChannelsLastAndBack) {
  const Shape shape = {4, 3, 5};
  std::vector<float> plain = normalFloats(3 * elementCount(shape), 3);
  auto there = make("ToChannelsLast", shape), back = make("ToPlain", shape);
  std::vector<float> last = forward(*there, plain);
  for (int64_t b = 0; b < 3; ++b) {
    Doubles want = toChannelsLast(shape, toDoubles(plain.data() + b * 60, 60));
    EXPECT_EQ(toDoubles(last.data() + b * 60, 60), want);
  }
  EXPECT_EQ(forward(*back, last), plain);
  EXPECT_EQ(backward(*there, last), plain);
  EXPECT_EQ(backward(*back, plain), last);
  EXPECT_FALSE(there->isView());
}

TEST_P(PermuteTest, OneChannelOrOnePixelIsAView) {
  for (const Shape& shape : {Shape{1, 28, 28}, Shape{64, 1, 1}}) {
    EXPECT_TRUE(make("ToChannelsLast", shape)->isView());
    EXPECT_TRUE(make("ToPlain", shape)->isView());
    std::vector<float> values = normalFloats(3 * elementCount(shape), 4);
    EXPECT_EQ(forward(*make("ToPlain", shape), values), values);
  }
}

TEST_P(PermuteTest, RefusesWhatHasNoPositions) {
  EXPECT_THROW(make("ToPlain", {4}), std::invalid_argument);
}

std::string nameOf(const testing::TestParamInfo<NamedBackend>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Permute, PermuteTest, testing::ValuesIn(testBackends()), nameOf);

}  // namespace
}  // namespace hushgrad
