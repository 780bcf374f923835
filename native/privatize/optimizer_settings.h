// Checks of the settings that optimizers share, so that each refusal names the setting, its value and what is allowed.
#pragma once

#include <string>

#include "graph/spec.h"

namespace hushgrad {

// ≥ 0 and finite.
double nonNegativeSetting(const Attributes& attributes, const std::string& name, double fallback);
// In [0, 1).
double decaySetting(const std::string& name, double value);

}  // namespace hushgrad
