#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "clipping/clipping.h"

namespace hushgrad {

// A function's static, so that it exists before the first clip function registers itself.
static std::map<std::string, ClipFunctionFactory>& registry() {
  static std::map<std::string, ClipFunctionFactory> functions;
  return functions;
}

bool registerClipFunction(const std::string& kind, ClipFunctionFactory factory) {
  return registry().emplace(kind, std::move(factory)).second;
}

std::unique_ptr<ClipFunction> makeClipFunction(const std::string& kind, const Attributes& attributes) {
  auto found = registry().find(kind);
  if (found != registry().end()) return found->second(attributes);
  std::string names;
  for (const auto& entry : registry()) names += (names.empty() ? "" : ", ") + entry.first;
  throw std::invalid_argument("no clip function is called '" + kind + "'; known: " + names);
}

double ClippingSpec::grid() const {
  double squares = 0;
  for (double threshold : thresholds) squares += threshold * threshold;
  return largestWeight * std::sqrt(squares) / static_cast<double>(kSensitivityUnits);
}

double ClippingSpec::innerThreshold(int group, int64_t columns) const {
  const double threshold = thresholds[static_cast<size_t>(group)];
  if (!integers) return threshold;
  return std::max(0.0, threshold - std::sqrt(static_cast<double>(columns)) * grid() / 2 / largestWeight);
}

double positiveParameter(const std::string& function, const std::string& name, double value) {
  if (value > 0 && std::isfinite(value)) return value;
  throw std::invalid_argument("clip function " + function + ": " + name + " must be a finite number > 0, not " +
                              std::to_string(value));
}

}  // namespace hushgrad
