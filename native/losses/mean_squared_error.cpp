// Mean over an example's elements of (output − target)².
#include "losses/elementwise_loss.h"

namespace hushgrad {
namespace {

class MeanSquaredError : public ElementwiseLoss {
 public:
  using ElementwiseLoss::ElementwiseLoss;

 protected:
  Value element(double output, double target) const override {
    double difference = output - target;
    return {difference * difference, 2 * difference};
  }
};

HUSHGRAD_LOSS("meanSquaredError", MeanSquaredError);

}  // namespace
}  // namespace hushgrad
