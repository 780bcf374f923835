// min(1, C/n): Abadi et al., Deep Learning with Differential Privacy, 2016. n·factor = min(n, C) ≤ C.
#include "clipping/clipping.h"

namespace hushgrad {

class Abadi : public ClipFunction {
 public:
  explicit Abadi(const Attributes&) {}

  double factor(double norm, double threshold) const override { return abadiFactor(norm, threshold); }
};

HUSHGRAD_CLIP_FUNCTION("abadi", Abadi);

}  // namespace hushgrad
