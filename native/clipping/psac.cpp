// C/(n + r/(n + r)), per-sample adaptive clipping: Xia et al., Differentially Private Learning with Per-Sample Adaptive
// Clipping, 2023. Like C/n for large gradients, but not monotonic: the smallest, whose direction says least, get C and
// not C/γ. n·factor = C·n/(n + r/(n + r)) < C, since r/(n + r) > 0 for r > 0.
#include "clipping/clipping.h"

namespace hushgrad {

class Psac : public ClipFunction {
 public:
  explicit Psac(const Attributes& attributes) : r(positiveParameter("psac", "r", attributes.number("r"))) {}

  double factor(double norm, double threshold) const override { return psacFactor(norm, threshold, r); }

 private:
  const double r;
};

HUSHGRAD_CLIP_FUNCTION("psac", Psac);

}  // namespace hushgrad
