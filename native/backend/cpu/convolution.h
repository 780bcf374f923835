// Convolutions on the CPU. Each direction (forward, input gradient, weight gradient) takes its own route: oneDNN's
// kernels where it has any, else unfolding and a matrix product.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace hushgrad::cpu {

// Throws std::invalid_argument on a window whose sizes do not fit together.
std::unique_ptr<Convolution> makeConvolution(const Window& window, bool needsInputGradient, int64_t capacity);

enum class ConvolutionDirection { forward, inputGradient, weightGradient };

// What one direction reads and writes. It writes y, x or weights, as its name says, and reads the other two.
struct ConvolutionOperands {
  int64_t examples;
  float* x;           // [examples, H, W, IC]
  float* weights;     // in the route's own layout
  const float* bias;  // [OC], forward only, may be null
  float* y;           // [examples, OH, OW, OC]
  float* scratch;     // scratchFloats()
};

class ConvolutionRoute {
 public:
  virtual ~ConvolutionRoute() = default;
  virtual std::string implementation() const = 0;
  // The route's own layout of the weights (padding, if any, is zero), from and to PyTorch's [OC, IC / groups, KH, KW].
  virtual int64_t weightFloats() const = 0;
  virtual void pack(const float* oihw, float* own) const = 0;
  virtual void unpack(const float* own, float* oihw) const = 0;
  virtual int64_t scratchFloats() const = 0;
  // Overwrites what it writes, the weights' gradient summed over the examples.
  virtual void run(const ConvolutionOperands& operands) = 0;
  // Of weight gradients: as Convolution::sumRounding.
  virtual double sumRounding(const float*, const float*) const { return 0; }
};

// convolution_direct.cpp; null where oneDNN has no kernel made for the shape.
std::unique_ptr<ConvolutionRoute> makeDirectRoute(const Window& window, ConvolutionDirection direction,
                                                  int64_t capacity);
// convolution_unfold.cpp; serves every window.
std::unique_ptr<ConvolutionRoute> makeUnfoldRoute(const Window& window, ConvolutionDirection direction);
// convolution_winograd.cpp; null unless the kernel is 3×3 with stride and dilation 1 and one group,
// and slides over a picture.
std::unique_ptr<ConvolutionRoute> makeWinogradRoute(const Window& window, ConvolutionDirection direction,
                                                    int64_t capacity);

}  // namespace hushgrad::cpu
