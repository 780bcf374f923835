// Convolution by its definition. Weights and gradients keep PyTorch's OIHW order.
#pragma once

#include "backend/backend.h"

namespace hushgrad {

class ReferenceConvolution : public Convolution {
 public:
  explicit ReferenceConvolution(const Window& window) : window(window) {}

  std::string implementation() const override { return "reference"; }
  int64_t packedFloats() const override { return gradientFloats(); }
  void pack(const float* weightOihw, float* packed) const override;
  int64_t scratchFloats() const override { return 0; }
  void forward(int64_t examples, const float* x, const float* packed, const float* bias, float* y,
               float* scratch) override;
  void inputGradient(int64_t examples, const float* dy, const float* packed, float* dx, float* scratch) override;
  int64_t gradientFloats() const override { return window.outChannels * window.patch(); }
  void weightGradient(int64_t examples, const float* x, const float* dy, float* g, float* scratch) override;
  double sumRounding(const float*, const float*) const override { return 0; }
  void unpackGradient(const float* g, float* weightOihw) const override;

 private:
  const Window window;
};

}  // namespace hushgrad
