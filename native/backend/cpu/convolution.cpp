// A convolution of three routes, each direction's chosen on its own.
#include "backend/cpu/convolution.h"

#include <algorithm>
#include <stdexcept>

#include "backend/cpu/kernels.h"

namespace hushgrad::cpu {
namespace {

constexpr int64_t kLineFloats = 16;  // a cache line: where the second direction's packed weights may begin

int64_t wholeLines(int64_t floats) {
  return (floats + kLineFloats - 1) / kLineFloats * kLineFloats;
}

void checkExtent(const char* name, int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad,
                 int64_t dilation) {
  const bool positive = in > 0 && out > 0 && kernel > 0 && stride > 0 && dilation > 0 && pad >= 0;
  if (positive && (out - 1) * stride + (kernel - 1) * dilation + 1 <= in + 2 * pad) return;
  throw std::invalid_argument(std::string("convolution: ") + name + " " + std::to_string(out) +
                              " of the output does not follow from input " + std::to_string(in) + ", kernel " +
                              std::to_string(kernel) + ", stride " + std::to_string(stride) + ", padding " +
                              std::to_string(pad) + ", dilation " + std::to_string(dilation));
}

void check(const Window& w, int64_t capacity) {
  checkExtent("depth", w.inDepth, w.outDepth, w.kernelDepth, w.strideDepth, w.padDepth, w.dilationDepth);
  checkExtent("height", w.inHeight, w.outHeight, w.kernelHeight, w.strideHeight, w.padHeight, w.dilationHeight);
  checkExtent("width", w.inWidth, w.outWidth, w.kernelWidth, w.strideWidth, w.padWidth, w.dilationWidth);
  if (w.groups < 1 || w.inChannels < 1 || w.outChannels < 1 || w.inChannels % w.groups || w.outChannels % w.groups)
    throw std::invalid_argument("convolution: groups " + std::to_string(w.groups) + " must divide the channels, " +
                                std::to_string(w.inChannels) + " in and " + std::to_string(w.outChannels) + " out");
  if (capacity < 1) throw std::invalid_argument("convolution: capacity is " + std::to_string(capacity) + ", least 1");
}

// oneDNN's input gradient takes 1.5 to 3 times as long as unfolding where a pixel has 1 to 5 channels, and less from
// 16 on (measured with AVX2 and AVX-512). Grouped ones it does well at any width. Its weight gradient of few positions
// spends more on its set-up than on products: a whole private step of mnist-cnn (25 positions) takes 0.87 times as
// long.
bool unfoldsFaster(const Window& window, ConvolutionDirection direction) {
  if (window.groups == 1 && direction == ConvolutionDirection::weightGradient) return window.positions() <= 32;
  return direction == ConvolutionDirection::inputGradient && window.groups == 1 && window.inChannels < 8;
}

// Winograd's route takes 0.3 to 0.6 times as long as oneDNN from 16 channels on, where a whole chunk has so many tiles
// that reading the transformed weights, four times as many, costs less than the products save (docs/decisions/
// winograd.md). Pictures of less than 3×3 fill too little of a tile. The input gradient needs transformed weights of
// its own, whose memory takes more tiles to be worth it: with 8, a sixth of resnet18's for 1/20 of its time.
bool winogradPays(const Window& window, ConvolutionDirection direction, int64_t capacity) {
  const int64_t tiles = (window.outHeight + 3) / 4 * ((window.outWidth + 3) / 4);
  const int64_t leastTiles = direction == ConvolutionDirection::inputGradient ? 16 : 4;
  const bool enoughChannels = std::min(window.inChannels, window.outChannels) >= 16;
  return enoughChannels && window.positions() >= 8 * tiles && capacity * tiles >= leastTiles;
}

std::unique_ptr<ConvolutionRoute> chooseRoute(const Window& window, ConvolutionDirection direction, int64_t capacity) {
  if (winogradPays(window, direction, capacity))
    if (auto winograd = makeWinogradRoute(window, direction, capacity)) return winograd;
  if (unfoldsFaster(window, direction)) return makeUnfoldRoute(window, direction);
  if (auto direct = makeDirectRoute(window, direction, capacity)) return direct;
  return makeUnfoldRoute(window, direction);
}

class RoutedConvolution final : public Convolution {
 public:
  RoutedConvolution(const Window& window, bool needsInputGradient, int64_t capacity)
      : forwardRoute(chooseRoute(window, ConvolutionDirection::forward, capacity)),
        weightRoute(chooseRoute(window, ConvolutionDirection::weightGradient, capacity)) {
    if (needsInputGradient) inputRoute = chooseRoute(window, ConvolutionDirection::inputGradient, capacity);
  }

  std::string implementation() const override {
    std::string text = "forward " + forwardRoute->implementation();
    if (inputRoute) text += ", input gradient " + inputRoute->implementation();
    return text + ", weight gradient " + weightRoute->implementation();
  }

  // Both directions' weights, one behind the other.
  int64_t packedFloats() const override {
    return inputRoute ? inputWeightsOffset() + inputRoute->weightFloats() : forwardRoute->weightFloats();
  }
  void pack(const float* weightOihw, float* packed) const override {
    forwardRoute->pack(weightOihw, packed);
    if (inputRoute) inputRoute->pack(weightOihw, packed + inputWeightsOffset());
  }

  int64_t scratchFloats() const override {
    const int64_t floats = std::max(forwardRoute->scratchFloats(), weightRoute->scratchFloats());
    return inputRoute ? std::max(floats, inputRoute->scratchFloats()) : floats;
  }

  // const is cast away below because one struct of operands serves the three directions; a route writes only what
  // its direction names.
  void forward(int64_t examples, const float* x, const float* packed, const float* bias, float* y,
               float* scratch) override {
    forwardRoute->run({examples, const_cast<float*>(x), const_cast<float*>(packed), bias, y, scratch});
  }
  void inputGradient(int64_t examples, const float* dy, const float* packed, float* dx, float* scratch) override {
    if (!inputRoute) throw std::logic_error("convolution: made without an input gradient, then asked for it");
    float* weights = const_cast<float*>(packed) + inputWeightsOffset();
    inputRoute->run({examples, dx, weights, nullptr, const_cast<float*>(dy), scratch});
  }

  int64_t gradientFloats() const override { return weightRoute->weightFloats(); }
  void weightGradient(int64_t examples, const float* x, const float* dy, float* g, float* scratch) override {
    weightRoute->run({examples, const_cast<float*>(x), g, nullptr, const_cast<float*>(dy), scratch});
  }
  double sumRounding(const float* x, const float* dy) const override { return weightRoute->sumRounding(x, dy); }
  void unpackGradient(const float* g, float* weightOihw) const override { weightRoute->unpack(g, weightOihw); }

 private:
  int64_t inputWeightsOffset() const { return wholeLines(forwardRoute->weightFloats()); }

  const std::unique_ptr<ConvolutionRoute> forwardRoute, weightRoute;
  std::unique_ptr<ConvolutionRoute> inputRoute;
};

}  // namespace

std::unique_ptr<Convolution> makeConvolution(const Window& window, bool needsInputGradient, int64_t capacity) {
  check(window, capacity);
  return std::make_unique<RoutedConvolution>(window, needsInputGradient, capacity);
}

}  // namespace hushgrad::cpu
