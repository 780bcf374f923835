// What a layer refuses, it refuses by the layer's path, what came and what is allowed.
#include <gtest/gtest.h>

#include "layers/layer.h"
#include "test/support/reference_backend.h"

namespace hushgrad {
namespace {

std::string refusal(const std::string& kind, const std::map<std::string, std::vector<double>>& attributes,
                    const Shape& shape) {
  ReferenceBackend backend;
  NodeSpec node;
  node.kind = kind;
  node.path = "features.3";
  node.attributes.values = attributes;
  try {
    makeLayer({node, {shape}, shape, 1, true, backend});
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(LayerRefusal, UnknownKindsListWhatThereIs) {
  std::string message = refusal("BatchNorm", {}, {3});
  EXPECT_NE(message.find("'features.3'"), std::string::npos) << message;
  EXPECT_NE(message.find("'BatchNorm'"), std::string::npos) << message;
  EXPECT_NE(message.find("GroupNorm"), std::string::npos) << message;
}

TEST(LayerRefusal, WindowsWantPictures) {
  std::string message = refusal("MaxPool2d", {{"kernelSize", {2, 2}}, {"stride", {2, 2}}}, {3});
  EXPECT_EQ(message,
            "layer 'features.3' (MaxPool2d) got a value of rank 1; it works on [channels, length], [channels, "
            "height, width] and [channels, depth, height, width]");
}

TEST(LayerRefusal, GroupNormWantsChannelsFirst) {
  std::string message = refusal("GroupNorm", {{"groups", {1}}, {"epsilon", {1e-5}}}, {3, 4, 5, 6, 7});
  EXPECT_NE(message.find("rank 5"), std::string::npos) << message;
}

TEST(LayerRefusal, NegativeSlope) {
  EXPECT_NE(refusal("LeakyReLU", {{"slope", {-0.5}}}, {4}).find("at least 0"), std::string::npos);
}

TEST(LayerRefusal, MissingAttribute) {
  EXPECT_EQ(refusal("Dropout", {}, {4}), "attribute 'rate' is missing");
}

}  // namespace
}  // namespace hushgrad
