// Orders of weight gradients as the layers themselves tell them: what is arranged by one comes back when it is
// unpacked.
#include "layers/weight_order.h"

#include <gtest/gtest.h>

#include <numeric>

#include "layers/slots.h"
#include "test/layers/layer_run.h"
#include "test/support/backends.h"

namespace hushgrad {
namespace {

constexpr int64_t kCapacity = 4;

std::optional<WeightOrder> orderOf(const Layer& layer, const LayerCase& made) {
  const int64_t rows = made.parameters[kWeight][0];
  return WeightOrder::of(layer, kWeight, rows, elementCount(made.parameters[kWeight]) / rows);
}

TEST(WeightOrder, IsThatOfTheGradient) {
  int64_t known = 0, panels = 0;
  for (const NamedBackend& backend : testBackends())
    for (const LayerCase& made : layerCases()) {
      if (made.kind.rfind("Conv", 0) != 0) continue;
      SCOPED_TRACE(made.name + " on " + backend.name);
      LayerRun run(*backend.backend, made, kCapacity);
      const std::optional<WeightOrder> order = orderOf(run.layer(), made);
      if (!order) continue;
      ++known;
      panels += order->width > 1;
      std::vector<float> plain(static_cast<size_t>(elementCount(made.parameters[kWeight]))), own(plain), back(plain);
      std::iota(plain.begin(), plain.end(), 1.0f);
      order->arrange(plain.data(), own.data());
      run.layer().unpackGradient(kWeight, own.data(), back.data());
      EXPECT_EQ(back, plain);
    }
  EXPECT_GT(known, panels);
  EXPECT_GT(panels, 4);
}

TEST(WeightOrder, PlainIsPyTorchs) {
  const WeightOrder order = WeightOrder::plain(3, 4);
  std::vector<float> numbers(12), arranged(12);
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  order.arrange(numbers.data(), arranged.data());
  EXPECT_EQ(arranged, numbers);
}

}  // namespace
}  // namespace hushgrad
