#include "privatize/optimizer_settings.h"

#include <cmath>
#include <stdexcept>

namespace hushgrad {

double nonNegativeSetting(const Attributes& attributes, const std::string& name, double fallback) {
  const double value = attributes.numberOr(name, fallback);
  if (value >= 0 && std::isfinite(value)) return value;
  throw std::invalid_argument("optimizer: " + name + " must be a finite number >= 0, not " + std::to_string(value));
}

double decaySetting(const std::string& name, double value) {
  if (value >= 0 && value < 1) return value;
  throw std::invalid_argument("optimizer: " + name + " must lie in [0, 1), not " + std::to_string(value));
}

}  // namespace hushgrad
