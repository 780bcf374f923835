#include "losses/loss.h"

#include <map>
#include <stdexcept>

namespace hushgrad {

// A function's static, so that it exists before the first loss file registers itself.
static std::map<std::string, LossFactory>& registry() {
  static std::map<std::string, LossFactory> losses;
  return losses;
}

bool registerLoss(const std::string& kind, LossFactory factory) {
  return registry().emplace(kind, std::move(factory)).second;
}

std::unique_ptr<Loss> makeLoss(const LossSpec& spec) {
  auto found = registry().find(spec.kind);
  if (found != registry().end()) return found->second(spec);
  std::string known;
  for (const auto& entry : registry()) known += (known.empty() ? "" : ", ") + entry.first;
  throw std::invalid_argument("no loss is called '" + spec.kind + "'; there are " + known);
}

}  // namespace hushgrad
