// C/n, the vanilla automatic clipping (AUTO-V, Bu et al., 2023): every gradient gets the norm C, n·factor = C. A zero
// gradient has no direction to keep and gets 0.
#include "clipping/clipping.h"

namespace hushgrad {

class AutoV : public ClipFunction {
 public:
  explicit AutoV(const Attributes&) {}

  double factor(double norm, double threshold) const override { return autoVFactor(norm, threshold); }
};

HUSHGRAD_CLIP_FUNCTION("autoV", AutoV);

}  // namespace hushgrad
