// Convolution 3×3 by Winograd's F(4×4, 3×3), a block of tiles at a time so that what is transformed stays in cache.
// docs/decisions/winograd.md says why, where, and what its rounding does to privacy.
#include "backend/cpu/convolution_winograd.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "backend/cpu/convolution.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/machine.h"

namespace hushgrad::cpu {
namespace {

using namespace winograd;

constexpr int64_t kLineFloats = 16;
constexpr int64_t kMostTiles = 64;  // of a block: more gain nothing

int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

int64_t tilesOver(int64_t extent) {
  return (extent + kTile - 1) / kTile;
}

Tiles inputTiles(const Window& w) {
  return {w.inHeight, w.inWidth, w.inChannels, tilesOver(w.outHeight), tilesOver(w.outWidth), w.padHeight, w.padWidth};
}
Tiles outputTiles(const Window& w) {
  return {w.outHeight, w.outWidth, w.outChannels, tilesOver(w.outHeight), tilesOver(w.outWidth)};
}

// The input gradient is the convolution of the output gradient with the kernels turned around, channels swapped and
// what padding is missing to 2, which may be less than none.
Window adjoint(const Window& w) {
  Window turned = w;
  turned.inChannels = w.outChannels, turned.inHeight = w.outHeight, turned.inWidth = w.outWidth;
  turned.outChannels = w.inChannels, turned.outHeight = w.inHeight, turned.outWidth = w.inWidth;
  turned.padHeight = 2 - w.padHeight, turned.padWidth = 2 - w.padWidth;
  return turned;
}

// Squared norm of the pixels that a tile reads, `extent` rows and columns of them.
double squaresOfTile(const Tiles& t, int64_t tile, int64_t extent, const float* x) {
  const int64_t row = tile / t.columns * kTile - t.padHeight, column = tile % t.columns * kTile - t.padWidth;
  const int64_t firstColumn = std::max<int64_t>(column, 0), endColumn = std::min(column + extent, t.width);
  if (firstColumn >= endColumn) return 0;
  double squares = 0;
  for (int64_t r = std::max<int64_t>(row, 0); r < std::min(row + extent, t.height); ++r)
    addSquaredNorms(1, (endColumn - firstColumn) * t.channels, x + (r * t.width + firstColumn) * t.channels, 0,
                    &squares, nullptr);
  return squares;
}

struct Panels {
  explicit Panels(int64_t channels) : channels(channels), count((channels + kPanel - 1) / kPanel) {}
  int64_t used(int64_t panel) const { return std::min(kPanel, channels - panel * kPanel); }
  int64_t width(int64_t panel) const { return roundUp(used(panel), kLineFloats); }
  int64_t channels, count;
};

// Element strides are odd numbers of cache lines: 36 streams at a power of two would share one set of the cache.
int64_t elementStride(int64_t floats) {
  return roundUp(floats, 2 * kLineFloats) + kLineFloats;
}

// Tiles of a block whose transformed values, `floats` for each element of a tile, take half of the second-level cache.
int64_t tilesInCache(int64_t floats) {
  const int64_t tileBytes = kElements * floats * static_cast<int64_t>(sizeof(float));
  return machine().l2Bytes / 2 / tileBytes;
}

// Forward, or the input gradient as the forward convolution that it is.
class WinogradRoute final : public ConvolutionRoute {
 public:
  WinogradRoute(const Window& window, ConvolutionDirection direction)
      : turned(direction == ConvolutionDirection::inputGradient),
        w(turned ? adjoint(window) : window),
        source(inputTiles(w)),
        target(outputTiles(w)),
        panels(w.outChannels),
        blockTiles(std::clamp<int64_t>(tilesInCache(w.inChannels + kPanel), kLeastTiles, kMostTiles)),
        patchStride(elementStride(blockTiles * w.inChannels)),
        productStride(elementStride(blockTiles * kPanel)) {}

  std::string implementation() const override { return "Winograd F(4×4, 3×3)"; }
  // [panels, 36, IC, kPanel]
  int64_t weightFloats() const override { return panels.count * kElements * kernelFloats(); }
  int64_t scratchFloats() const override { return kElements * (patchStride + productStride); }

  void pack(const float* oihw, float* own) const override {
    for (int64_t panel = 0; panel < panels.count; ++panel)
      for (int64_t c = 0; c < w.inChannels; ++c)
        packKernels(oihw, panel, c, own + panel * kElements * kernelFloats() + c * kPanel);
  }
  void unpack(const float*, float*) const override {
    throw std::logic_error("Winograd convolution: transformed weights are not turned back");
  }

  void run(const ConvolutionOperands& all) override {
    const float* from = turned ? all.y : all.x;
    float* to = turned ? all.x : all.y;
    const Transformed patches{all.scratch, patchStride, w.inChannels};
    const int64_t tiles = all.examples * source.perExample();
    for (int64_t first = 0; first < tiles; first += blockTiles) {
      const TileRange range{first, std::min(blockTiles, tiles - first)};
      transformPatches(source, range, from, patches);
      for (int64_t panel = 0; panel < panels.count; ++panel) multiplyPanel(all, range, patches, panel, to);
    }
  }

 private:
  static constexpr int64_t kLeastTiles = 24;

  int64_t kernelFloats() const { return w.inChannels * kPanel; }

  void packKernels(const float* oihw, int64_t panel, int64_t c, float* own) const {
    std::array<float, kTaps * kPanel> taps{};
    for (int64_t i = 0; i < panels.used(panel); ++i) {
      const int64_t o = panel * kPanel + i;
      const float* kernel = oihw + (turned ? c * w.outChannels + o : o * w.inChannels + c) * kTaps;
      for (int64_t tap = 0; tap < kTaps; ++tap) taps[tap * kPanel + i] = kernel[turned ? kTaps - 1 - tap : tap];
    }
    transformKernels(taps.data(), own, kernelFloats());
  }

  void multiplyPanel(const ConvolutionOperands& all, TileRange range, const Transformed& patches, int64_t panel,
                     float* to) const {
    const Transformed products{all.scratch + kElements * patchStride, productStride, kPanel};
    const float* kernels = all.weights + panel * kElements * kernelFloats();
    for (int64_t e = 0; e < kElements; ++e)
      multiply({range.count, panels.width(panel), w.inChannels, patches.values + e * patchStride, w.inChannels, 1,
                kernels + e * kernelFloats(), kPanel, products.values + e * productStride, kPanel, false});
    transformOutputs(target, range, products, all.bias, panel * kPanel, panels.used(panel), to);
  }

  const bool turned;
  const Window w;
  const Tiles source, target;
  const Panels panels;
  const int64_t blockTiles, patchStride, productStride;
};

// dW = Gᵀ [Σ_tiles (Bᵀ x B) ⊙ (A dY Aᵀ)] G, in the unfolding route's layout [9, IC, OC]: that route takes the calls of
// so few tiles that the sums' last transform would cost more than the products save.
class WinogradWeightGradient final : public ConvolutionRoute {
 public:
  WinogradWeightGradient(const Window& window, int64_t capacity)
      : capacity(capacity),
        w(window),
        input(inputTiles(w)),
        output(outputTiles(w)),
        panels(w.outChannels),
        blockTiles(std::clamp<int64_t>(tilesInCache(w.inChannels + w.outChannels), kLeastBlock, kMostTiles)),
        gradientColumns(roundUp(w.outChannels, kLineFloats)),
        patchStride(elementStride(blockTiles * w.inChannels)),
        gradientStride(elementStride(blockTiles * gradientColumns)),
        partsKept(capacity * input.perExample() > blockTiles ? panels.count * partsOfPanel() : 1),
        few(makeUnfoldRoute(window, ConvolutionDirection::weightGradient)) {}

  std::string implementation() const override {
    return "Winograd F(4×4, 3×3), or " + few->implementation() + " below " + std::to_string(kFewTiles) + " tiles";
  }
  int64_t weightFloats() const override { return few->weightFloats(); }
  void pack(const float* oihw, float* own) const override { few->pack(oihw, own); }
  void unpack(const float* own, float* oihw) const override { few->unpack(own, oihw); }

  int64_t scratchFloats() const override {
    const int64_t transformed = kElements * (patchStride + gradientStride);
    return std::max(transformed + partsKept * kPartFloats, few->scratchFloats());
  }

  // A tile's sum multiplies all its pixels with all its output gradients, and what is not of the gradient cancels in
  // the last transform.
  double sumRounding(const float* x, const float* dy) const override {
    double squares = 0;
    for (int64_t tile = 0; tile < input.perExample(); ++tile) {
      const double pixels = squaresOfTile(input, tile, kPatch, x);
      if (!(pixels <= kMostPixels * kMostPixels)) return std::numeric_limits<double>::infinity();
      squares += pixels * squaresOfTile(output, tile, kTile, dy);
    }
    return kRounding * kRounding * squares;
  }

  void run(const ConvolutionOperands& all) override {
    const int64_t tiles = all.examples * input.perExample();
    if (tiles < kFewTiles) return few->run(all);
    if (all.examples > capacity) throw std::logic_error("Winograd convolution: more examples than its capacity");
    const Transformed patches{all.scratch, patchStride, w.inChannels};
    const Transformed gradients{all.scratch + kElements * patchStride, gradientStride, gradientColumns};
    if (gradientColumns > w.outChannels)  // columns that the products read beyond the channels
      std::memset(gradients.values, 0, static_cast<size_t>(kElements * gradientStride) * sizeof(float));
    for (int64_t first = 0; first < tiles; first += blockTiles) {
      const TileRange range{first, std::min(blockTiles, tiles - first)};
      transformPatches(input, range, all.x, patches);
      transformOutputGradients(output, range, all.y, gradients);
      for (int64_t panel = 0; panel < panels.count; ++panel)
        for (int64_t row = 0; row < w.inChannels; row += kMostRows)
          addPart(all, range, patches, gradients, {panel, row, std::min(kMostRows, w.inChannels - row)},
                  first + range.count == tiles);
    }
  }

 private:
  static constexpr int64_t kLeastBlock = 32, kFewTiles = 4;
  static constexpr int64_t kMostRows = 64;  // of a part, whose sums are then 295 KB
  static constexpr int64_t kSumStride = kMostRows * kPanel + kLineFloats, kPartFloats = kElements * kSumStride;

  // Relative to the norms of a tile's two operands. The matrices amplify at most 153 times: 153 · 16 roundings on a
  // path · 2⁻²⁴ is a third of it, crafted tiles were seen to reach a thousandth.
  static constexpr double kRounding = 0x1p-11;
  // Bᵀ x B is at most 8.25 (the square of Bᵀ's longest row) times the norm of x: the largest that cannot overflow.
  static constexpr double kMostPixels = 0x1p124;

  int64_t partsOfPanel() const { return (w.inChannels + kMostRows - 1) / kMostRows; }

  // Input channels [row, row + rows) and one panel of output channels.
  struct Part {
    int64_t panel, row, rows;
  };

  // A call of one block needs the sums of one part at a time, which then stay in cache.
  void addPart(const ConvolutionOperands& all, TileRange range, const Transformed& patches,
               const Transformed& gradients, const Part& part, bool isLast) const {
    const bool isOnly = isLast && range.first == 0;
    const int64_t offset = isOnly ? 0 : (part.panel * partsOfPanel() + part.row / kMostRows) * kPartFloats;
    const Transformed sums{gradients.values + kElements * gradientStride + offset, kSumStride, kPanel};
    for (int64_t e = 0; e < kElements; ++e)
      multiply({part.rows, panels.width(part.panel), range.count, patches.values + e * patchStride + part.row, 1,
                w.inChannels, gradients.values + e * gradientStride + part.panel * kPanel, gradientColumns,
                sums.values + e * kSumStride, kPanel, range.first > 0});
    if (!isLast) return;
    const Taps taps{all.weights + part.row * w.outChannels + part.panel * kPanel, w.inChannels * w.outChannels,
                    w.outChannels};
    transformSums(part.rows, panels.used(part.panel), sums, taps);
  }

  const int64_t capacity;
  const Window w;
  const Tiles input, output;
  const Panels panels;
  const int64_t blockTiles, gradientColumns, patchStride, gradientStride;
  const int64_t partsKept;  // from block to block: all of them, unless every call has one block
  const std::unique_ptr<ConvolutionRoute> few;
};

bool isPlain3x3(const Window& w) {
  return w.isPicture() && w.kernelHeight == 3 && w.kernelWidth == 3 && w.strideHeight == 1 && w.strideWidth == 1 &&
         w.dilationHeight == 1 && w.dilationWidth == 1 && w.groups == 1;
}

}  // namespace

std::unique_ptr<ConvolutionRoute> makeWinogradRoute(const Window& window, ConvolutionDirection direction,
                                                    int64_t capacity) {
  if (!isPlain3x3(window)) return nullptr;
  if (direction == ConvolutionDirection::weightGradient)
    return std::make_unique<WinogradWeightGradient>(window, capacity);
  return std::make_unique<WinogradRoute>(window, direction);
}

}  // namespace hushgrad::cpu
