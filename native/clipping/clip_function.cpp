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

double positiveParameter(const std::string& function, const std::string& name, double value) {
  if (value > 0 && std::isfinite(value)) return value;
  throw std::invalid_argument("clip function " + function + ": " + name + " must be a finite number > 0, not " +
                              std::to_string(value));
}

}  // namespace hushgrad
