// C/(r + n), normalised SGD: Yang et al., Normalized/Clipped SGD with Perturbation for Differentially Private
// Non-Convex Optimization, 2022. n·factor = C·n/(r + n) < C, for the regulariser r > 0.
#include "clipping/clipping.h"

namespace hushgrad {

class Nsgd : public ClipFunction {
 public:
  explicit Nsgd(const Attributes& attributes) : r(positiveParameter("nsgd", "r", attributes.number("r"))) {}

  double factor(double norm, double threshold) const override { return nsgdFactor(norm, threshold, r); }

 private:
  const double r;
};

HUSHGRAD_CLIP_FUNCTION("nsgd", Nsgd);

}  // namespace hushgrad
