// Convolution as unfolding and a matrix product, a few output rows at a time so that the patches stay in cache.
// Weights lie as [groups, patch, OC / groups], the patch in unfold's order: kernel plane, row, column, channel.
#include <algorithm>
#include <cstring>

#include "backend/cpu/convolution.h"
#include "backend/cpu/kernels.h"

namespace hushgrad::cpu {
namespace {

constexpr int64_t kLineFloats = 16;
constexpr int64_t kBlockFloats = 64 * 1024;  // of patches: 256 KB, a part of any L2

class UnfoldRoute final : public ConvolutionRoute {
 public:
  UnfoldRoute(const Window& window, ConvolutionDirection direction)
      : w(window), direction(direction), channels(w.outChannels / w.groups), patchFloats(w.groups * w.patch()) {
    const int64_t rowFloats = w.outWidth * patchFloats;
    blockRows = std::clamp<int64_t>(kBlockFloats / rowFloats, 1, w.outRows());
  }

  std::string implementation() const override { return "unfold + sgemm"; }
  int64_t weightFloats() const override { return w.groups * w.patch() * channels; }
  int64_t scratchFloats() const override { return blockRows * w.outWidth * patchFloats; }

  void pack(const float* oihw, float* own) const override {
    forEachWeight([&](int64_t plain, int64_t packed) { own[packed] = oihw[plain]; });
  }
  void unpack(const float* own, float* oihw) const override {
    forEachWeight([&](int64_t plain, int64_t packed) { oihw[plain] = own[packed]; });
  }

  void run(const ConvolutionOperands& all) override {
    if (direction == ConvolutionDirection::weightGradient)
      std::memset(all.weights, 0, static_cast<size_t>(weightFloats()) * sizeof(float));
    for (int64_t b = 0; b < all.examples; ++b) {
      float* x = all.x + b * w.inElements();
      float* y = all.y + b * w.outElements();
      if (direction == ConvolutionDirection::inputGradient)
        std::memset(x, 0, static_cast<size_t>(w.inElements()) * sizeof(float));
      for (int64_t row = 0; row < w.outRows(); row += blockRows)
        runRows(all, x, y + row * w.outWidth * w.outChannels, row, std::min(blockRows, w.outRows() - row));
    }
  }

 private:
  // visit(index in OIHW, index in this layout). A cache line of output channels at a time: in either layout whole lines
  // are then read and written.
  template <class Visit>
  void forEachWeight(const Visit& visit) const {
    const int64_t inChannels = w.inChannels / w.groups, taps = w.taps();
    for (int64_t group = 0; group < w.groups; ++group)
      for (int64_t first = 0; first < channels; first += kLineFloats)
        for (int64_t i = 0; i < inChannels; ++i)
          for (int64_t tap = 0; tap < taps; ++tap)
            for (int64_t o = first; o < std::min(first + kLineFloats, channels); ++o)
              visit(((group * channels + o) * inChannels + i) * taps + tap,
                    (group * w.patch() + tap * inChannels + i) * channels + o);
  }

  void runRows(const ConvolutionOperands& all, float* x, float* y, int64_t row, int64_t rows) const {
    if (direction == ConvolutionDirection::inputGradient) {
      multiplyGroups(all, y, rows);
      foldRows(w, all.scratch, row, rows, x);
      return;
    }
    unfoldRows(w, x, row, rows, all.scratch);
    multiplyGroups(all, y, rows);
    if (direction == ConvolutionDirection::forward && all.bias) addBias(rows * w.outWidth, w.outChannels, all.bias, y);
  }

  void multiplyGroups(const ConvolutionOperands& all, float* y, int64_t rows) const {
    for (int64_t group = 0; group < w.groups; ++group)
      multiply(all.scratch + group * w.patch(), all.weights + group * w.patch() * channels, y + group * channels,
               rows * w.outWidth);
  }

  // patches [positions, patch], weights [patch, channels], y [positions, channels], of one group.
  void multiply(float* patches, float* weights, float* y, int64_t positions) const {
    Gemm product;
    if (direction == ConvolutionDirection::forward) {
      product = {false,       false,   positions, channels, w.patch(), patches,
                 patchFloats, weights, channels,  0,        y,         w.outChannels};
    } else if (direction == ConvolutionDirection::inputGradient) {
      product = {false,         true,    positions, w.patch(), channels, y,
                 w.outChannels, weights, channels,  0,         patches,  patchFloats};
    } else {
      product = {true,        false, w.patch(),     channels, positions, patches,
                 patchFloats, y,     w.outChannels, 1,        weights,   channels};
    }
    gemm(product);
  }

  const Window w;
  const ConvolutionDirection direction;
  const int64_t channels, patchFloats;  // of one group's output; of one position's patches over all groups
  int64_t blockRows;
};

}  // namespace

std::unique_ptr<ConvolutionRoute> makeUnfoldRoute(const Window& window, ConvolutionDirection direction) {
  return std::make_unique<UnfoldRoute>(window, direction);
}

}  // namespace hushgrad::cpu
