#include "layers/pixel_ghost_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "layers/scratch.h"

namespace hushgrad {

namespace {

// Rows of Gram matrices end in so many zeros that sums over them may be rounded up to whole vectors.
constexpr int64_t kVector = 16;

int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

int64_t floorDivide(int64_t value, int64_t by) {
  return value >= 0 ? value / by : -((-value + by - 1) / by);
}

// Offsets, in a phase's own rows (or columns), of the taps that fall on it.
std::vector<int64_t> tapsOfPhase(int64_t phase, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  std::vector<int64_t> offsets;
  for (int64_t k = 0; k < kernel; ++k) {
    int64_t offset = floorDivide(k * dilation - pad, stride);
    if (k * dilation - pad - offset * stride == phase) offsets.push_back(offset);
  }
  return offsets;
}

// Rows of a phase's picture, or columns.
int64_t extentOfPhase(int64_t phase, int64_t extent, int64_t stride) {
  return (extent - phase + stride - 1) / stride;
}

// Enough rows for products at full speed, few enough that blocks of both Gram matrices meet in the second-level cache.
int64_t chooseBlockRows(int64_t positions) {
  return positions <= 512 ? std::min<int64_t>(positions, 24) : 32;
}

void clearEnds(float* gram, int64_t rows, int64_t columns, int64_t used) {
  for (int64_t row = 0; row < rows; ++row) std::fill(gram + row * columns + used, gram + (row + 1) * columns, 0.0f);
}

Window onePixelKernel(int64_t channels, int64_t height, int64_t width, int64_t outHeight, int64_t outWidth) {
  Window cut;
  cut.inChannels = cut.outChannels = channels;
  cut.inHeight = height;
  cut.inWidth = width;
  cut.outHeight = outHeight;
  cut.outWidth = outWidth;
  return cut;
}

}  // namespace

PixelGhostNorm::PixelGhostNorm(Backend& backend, const Window& window)
    : backend(backend), window(window), pitch(window.outWidth) {
  for (int64_t row = 0; row < window.strideHeight; ++row)
    for (int64_t column = 0; column < window.strideWidth; ++column) addPhase(row, column);
  for (const Phase& phase : phases)
    for (const Tap& tap : phase.taps) {
      int64_t before = -tap.column, behind = window.outWidth + tap.column - phase.width;
      pitch = std::max({pitch, phase.width + before, phase.width + behind});
    }
  embed = onePixelKernel(window.outChannels, window.outHeight, window.outWidth, window.outHeight, pitch);
  blockRows = chooseBlockRows(end());
  for (Phase& phase : phases) shape(phase);
  shifted.reserve(static_cast<size_t>(window.kernelHeight * window.kernelWidth));
}

void PixelGhostNorm::addPhase(int64_t rowPhase, int64_t columnPhase) {
  const Window& w = window;
  Phase phase;
  for (int64_t row : tapsOfPhase(rowPhase, w.kernelHeight, w.strideHeight, w.padHeight, w.dilationHeight))
    for (int64_t column : tapsOfPhase(columnPhase, w.kernelWidth, w.strideWidth, w.padWidth, w.dilationWidth))
      phase.taps.push_back({row, column});
  phase.height = extentOfPhase(rowPhase, w.inHeight, w.strideHeight);
  phase.width = extentOfPhase(columnPhase, w.inWidth, w.strideWidth);
  if (phase.taps.empty() || phase.height <= 0 || phase.width <= 0) return;
  phase.cut = onePixelKernel(w.inChannels, w.inHeight, w.inWidth, phase.height, 0);
  phase.cut.strideHeight = w.strideHeight;
  phase.cut.strideWidth = w.strideWidth;
  phase.cut.padHeight = -rowPhase;
  phase.cut.padWidth = -columnPhase;
  phases.push_back(phase);
}

void PixelGhostNorm::shape(Phase& phase) const {
  phase.cut.outWidth = pitch;
  phase.least = std::numeric_limits<int64_t>::max();
  phase.most = std::numeric_limits<int64_t>::min();
  for (const Tap& tap : phase.taps) {
    int64_t offset = tap.row * pitch + tap.column;
    phase.least = std::min(phase.least, offset);
    phase.most = std::max(phase.most, offset);
  }
  phase.columns = roundUp(std::max(phase.pixels(), end() + phase.most) + kVector, kVector);
  int64_t met = blockRows + phase.most - phase.least;
  phase.rows = roundUp(std::min(met + blockRows, phase.pixels()), blockRows);
}

int64_t PixelGhostNorm::scratchFloats() const {
  int64_t floats = Scratch::sizeOf({gatheredFloats(), end() * window.outChannels, blockRows * outputColumns()});
  for (const Phase& phase : phases)
    floats += Scratch::sizeOf({phase.pixels() * window.inChannels, phase.rows * phase.columns});
  return floats;
}

int64_t PixelGhostNorm::gatheredFloats() const {
  int64_t floats = end() * window.outChannels;
  for (const Phase& phase : phases) floats = std::max(floats, phase.pixels() * window.inChannels);
  return floats;
}

int64_t PixelGhostNorm::outputColumns() const {
  return roundUp(end() + kVector, kVector);
}

// Counted at the speed of large products: a product has a fixed price, few channels do not fill its vectors, and the
// sums over taps are additions and conversions of which two cost what one multiplication with addition does in it.
double PixelGhostNorm::flops() const {
  constexpr double kProduct = 60e3;
  constexpr int64_t kFewChannels = 16;
  auto gram = [&](int64_t rows, int64_t channels) {
    double products = std::ceil(static_cast<double>(rows) / static_cast<double>(blockRows));
    int64_t width = std::max(channels / window.groups, kFewChannels);
    return window.groups * (static_cast<double>(rows) * (rows + blockRows) * width + kProduct * products);
  };
  double flops = gram(end(), window.outChannels);
  double pairs = 0.5 * window.positions() * end() * window.groups;
  for (const Phase& phase : phases)
    flops += gram(phase.pixels(), window.inChannels) + pairs * (2 * static_cast<double>(phase.taps.size()) + 8);
  return flops;
}

double PixelGhostNorm::bytes() const {
  // Pictures are read for their squares and gathered; all else stays in cache.
  return sizeof(float) * 3.0 * static_cast<double>(window.inElements() + window.outElements());
}

std::optional<double> PixelGhostNorm::squared(const float* x, const float* e, float* scratch) {
  double inputSquares = 0, outputSquares = 0;
  backend.addSquaredNorms(1, window.inElements(), x, 0, &inputSquares);
  backend.addSquaredNorms(1, window.outElements(), e, 0, &outputSquares);
  if (!std::isfinite(inputSquares + outputSquares)) return std::numeric_limits<double>::quiet_NaN();
  if (inputSquares == 0 || outputSquares == 0) return 0.0;

  layOut(x, e, scratch);
  GramSum sum;
  for (int64_t group = 0; group < window.groups; ++group) addGroup(group, sum);
  // A tap's terms are dot products of pixels: Σ_{t,s} |K| ≤ T‖x‖².
  double taps = static_cast<double>(window.taps());
  return sum.settled(taps * static_cast<double>(window.positions()) * (inputSquares + outputSquares));
}

void PixelGhostNorm::layOut(const float* x, const float* e, float* scratch) {
  Scratch parts(scratch);
  gathered = parts.take(gatheredFloats());
  gradients = parts.take(end() * window.outChannels);
  outputGram = parts.take(blockRows * outputColumns());
  gather(embed, e, gradients);
  clearEnds(outputGram, blockRows, outputColumns(), end());
  for (Phase& phase : phases) {
    phase.picture = parts.take(phase.pixels() * window.inChannels);
    phase.gram = parts.take(phase.rows * phase.columns);
    gather(phase.cut, x, phase.picture);
    clearEnds(phase.gram, phase.rows, phase.columns, phase.pixels());
  }
}

void PixelGhostNorm::gather(const Window& cut, const float* x, float* picture) {
  backend.unfold(cut, x, gathered);
  backend.transpose(1, cut.positions(), cut.inChannels, gathered, picture);
}

void PixelGhostNorm::addGroup(int64_t group, GramSum& sum) {
  for (Phase& phase : phases) phase.computed = 0;
  for (int64_t first = 0; first < end(); first += blockRows) {
    int64_t rows = std::min(blockRows, end() - first);
    multiplyRows(gradients, end(), window.outChannels, group, first, rows, outputColumns(), outputGram);
    // Both matrices are symmetric: twice what lies above the diagonal, and the diagonal once.
    for (int64_t row = 0; row < rows; ++row) outputGram[row * outputColumns() + first + row] *= 0.5f;
    GramSum half;
    for (Phase& phase : phases) {
      extend(phase, group, first + rows + phase.most);
      for (int64_t row = 0; row < rows; ++row)
        addPosition(phase, first + row, outputGram + row * outputColumns(), half);
    }
    sum.add(2, half);
  }
}

void PixelGhostNorm::extend(Phase& phase, int64_t group, int64_t until) const {
  for (; phase.computed < std::min(until, phase.pixels()); phase.computed += blockRows) {
    int64_t rows = std::min(blockRows, phase.pixels() - phase.computed);
    float* place = phase.gram + phase.computed % phase.rows * phase.columns;
    multiplyRows(phase.picture, phase.pixels(), window.inChannels, group, phase.computed, rows, phase.columns, place);
  }
}

void PixelGhostNorm::addPosition(const Phase& phase, int64_t position, const float* outputRow, GramSum& sum) {
  int64_t row = position / pitch, column = position % pitch;
  if (column >= window.outWidth) return;
  shifted.clear();
  for (const Tap& tap : phase.taps) {
    int64_t pixelRow = row + tap.row, pixelColumn = column + tap.column;
    bool inside = pixelRow >= 0 && pixelRow < phase.height && pixelColumn >= 0 && pixelColumn < phase.width;
    if (!inside) continue;
    int64_t pixel = pixelRow * pitch + pixelColumn;
    shifted.push_back(phase.gram + pixel % phase.rows * phase.columns + pixel);
  }
  backend.addDotWithSum(roundUp(end() - position, kVector), outputRow + position, static_cast<int64_t>(shifted.size()),
                        shifted.data(), &sum.total, &sum.magnitude);
}

// product[row …, row … pixels) of xᵀ·x, one group's channels: from the block's corner on the diagonal to the right.
void PixelGhostNorm::multiplyRows(const float* x, int64_t pixels, int64_t channels, int64_t group, int64_t row,
                                  int64_t rows, int64_t leading, float* product) const {
  Gemm gemm;
  gemm.transposeA = true;
  gemm.m = rows;
  gemm.n = pixels - row;
  gemm.k = channels / window.groups;
  gemm.a = x + group * gemm.k * pixels + row;
  gemm.lda = pixels;
  gemm.b = gemm.a;
  gemm.ldb = pixels;
  gemm.c = product + row;
  gemm.ldc = leading;
  backend.gemm(gemm);
}

}  // namespace hushgrad
