// C/Z where n ≤ Z, 0 elsewhere: global clipping, Bu et al., On the Convergence and Calibration of Deep Learning with
// Differential Privacy, 2021. One factor for all that are kept, so that the sum keeps its direction. n·factor = C·n/Z ≤
// C for n ≤ Z, and 0 beyond.
#include "clipping/clipping.h"

namespace hushgrad {

class Global : public ClipFunction {
 public:
  explicit Global(const Attributes& attributes) : bound(positiveParameter("global", "Z", attributes.number("Z"))) {}

  double factor(double norm, double threshold) const override { return globalFactor(norm, threshold, bound); }

 private:
  const double bound;
};

HUSHGRAD_CLIP_FUNCTION("global", Global);

}  // namespace hushgrad
