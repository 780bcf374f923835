// Checks of the settings that optimizers share, so that each refusal names the setting, its value and what is allowed.
#pragma once

#include <string>
#include <utility>

#include "graph/spec.h"

namespace hushgrad {

// ≥ 0 and finite.
double nonNegativeSetting(const Attributes& attributes, const std::string& name, double fallback);
// > 0 and finite.
double positiveSetting(const Attributes& attributes, const std::string& name, double fallback);
// In [0, 1).
double decaySetting(const std::string& name, double value);
// The setting `betas` of Adam and its kin: β₁ and β₂, each in [0, 1); default 0.9 and 0.999.
std::pair<double, double> betasSetting(const Attributes& attributes);

}  // namespace hushgrad
