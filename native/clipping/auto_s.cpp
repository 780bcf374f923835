// C/(n + γ), the stable automatic clipping: Bu et al., Automatic Clipping, 2023. Every gradient is normalised, small
// ones less so; n·factor stays below C.
#include <cmath>
#include <stdexcept>

#include "clipping/clipping.h"

namespace hushgrad {

class AutoS : public ClipFunction {
 public:
  explicit AutoS(const Attributes& attributes) : gamma(attributes.numberOr("gamma", 0.01)) {
    if (gamma > 0 && std::isfinite(gamma)) return;
    throw std::invalid_argument("clip function autoS: gamma must be a finite number > 0, not " + std::to_string(gamma));
  }

  double factor(double norm, double threshold) const override { return autoSFactor(norm, threshold, gamma); }

 private:
  const double gamma;
};

HUSHGRAD_CLIP_FUNCTION("autoS", AutoS);

}  // namespace hushgrad
