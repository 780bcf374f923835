#include "layers/layer.h"

#include <cstring>
#include <map>
#include <stdexcept>

#include "layers/adapted_layer.h"

namespace hushgrad {

void Layer::unpackGradient(size_t slot, const float* gradient, float* parameter) const {
  std::memcpy(parameter, gradient, sizeof(float) * static_cast<size_t>(gradientFloats(slot)));
}

// A function's static, so that it exists before the first layer file registers itself.
static std::map<std::string, LayerFactory>& registry() {
  static std::map<std::string, LayerFactory> layers;
  return layers;
}

bool registerLayer(const std::string& kind, LayerFactory factory) {
  return registry().emplace(kind, std::move(factory)).second;
}

std::unique_ptr<Layer> makeLayer(const LayerSetup& setup) {
  if (setup.views > 1) return makeForViews(setup);
  auto found = registry().find(setup.node.kind);
  if (found == registry().end()) {
    std::string known;
    for (const std::string& name : registeredLayers()) known += (known.empty() ? "" : ", ") + name;
    throw std::invalid_argument("layer '" + setup.node.path + "': no native layer is called '" + setup.node.kind +
                                "'; there are " + known);
  }
  std::unique_ptr<Layer> layer = found->second(setup);
  if (setup.node.attributes.numberOr("weightStandardization", 0) == 0) return layer;
  return standardizeWeight(setup, std::move(layer));
}

std::vector<std::string> registeredLayers() {
  std::vector<std::string> names;
  for (const auto& entry : registry()) names.push_back(entry.first);
  return names;
}

}  // namespace hushgrad
