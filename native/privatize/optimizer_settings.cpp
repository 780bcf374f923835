#include "privatize/optimizer_settings.h"

#include <cmath>
#include <stdexcept>

namespace hushgrad {

double nonNegativeSetting(const Attributes& attributes, const std::string& name, double fallback) {
  const double value = attributes.numberOr(name, fallback);
  if (value >= 0 && std::isfinite(value)) return value;
  throw std::invalid_argument("optimizer: " + name + " must be a finite number >= 0, not " + std::to_string(value));
}

double positiveSetting(const Attributes& attributes, const std::string& name, double fallback) {
  const double value = attributes.numberOr(name, fallback);
  if (value > 0 && std::isfinite(value)) return value;
  throw std::invalid_argument("optimizer: " + name + " must be a finite number > 0, not " + std::to_string(value));
}

double decaySetting(const std::string& name, double value) {
  if (value >= 0 && value < 1) return value;
  throw std::invalid_argument("optimizer: " + name + " must lie in [0, 1), not " + std::to_string(value));
}

std::pair<double, double> betasSetting(const Attributes& attributes) {
  if (attributes.values.count("betas") == 0) return {0.9, 0.999};
  const std::vector<double>& betas = attributes.list("betas");
  if (betas.size() != 2) throw std::invalid_argument("optimizer: betas must be two numbers");
  return {decaySetting("betas[0]", betas[0]), decaySetting("betas[1]", betas[1])};
}

}  // namespace hushgrad
