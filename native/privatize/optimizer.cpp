#include "privatize/optimizer.h"

#include <map>
#include <stdexcept>

namespace hushgrad {

// A function's static, so that it exists before the first optimizer file registers itself.
static std::map<std::string, OptimizerFactory>& registry() {
  static std::map<std::string, OptimizerFactory> optimizers;
  return optimizers;
}

bool registerOptimizer(const std::string& kind, OptimizerFactory factory) {
  return registry().emplace(kind, std::move(factory)).second;
}

std::unique_ptr<Optimizer> makeOptimizer(const OptimizerSpec& spec) {
  auto found = registry().find(spec.kind);
  if (found != registry().end()) return found->second(spec);
  std::string names;
  for (const auto& entry : registry()) names += (names.empty() ? "" : ", ") + entry.first;
  throw std::invalid_argument("no native optimizer is called '" + spec.kind + "'; known: " + names);
}

}  // namespace hushgrad
