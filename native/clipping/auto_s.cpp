// C/(n + γ), the stable automatic clipping: Bu et al., Automatic Clipping, 2023. Every gradient is normalised, small
// ones less so. n·factor = C·n/(n + γ) < C, for γ > 0.
#include "clipping/clipping.h"

namespace hushgrad {

class AutoS : public ClipFunction {
 public:
  explicit AutoS(const Attributes& attributes)
      : gamma(positiveParameter("autoS", "gamma", attributes.numberOr("gamma", 0.01))) {}

  double factor(double norm, double threshold) const override { return autoSFactor(norm, threshold, gamma); }

 private:
  const double gamma;
};

HUSHGRAD_CLIP_FUNCTION("autoS", AutoS);

}  // namespace hushgrad
