// Patches of a channels-last picture or volume as rows of a matrix, and the adjoint. Within a patch the order is kernel
// plane, row, column, channel, so that a kernel row of one group is a run of contiguous memory where nothing is
// dilated. A volume's rows are numbered picture after picture.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/unfold.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>

#include "backend/cpu/loops-inl.h"
// clang-format on

#include <algorithm>

#include "backend/cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace {

// Runs are short, often of a few floats: a call of memcpy would take longer than the copy.
HWY_INLINE void copyRun(const float* from, int64_t count, float* to) {
  forEachLane(static_cast<size_t>(count),
              [&](auto d, size_t i) HWY_ATTR { hn::StoreU(hn::LoadU(d, from + i), d, to + i); });
}

HWY_INLINE void clearRun(int64_t count, float* to) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR { hn::StoreU(hn::Zero(d), d, to + i); });
}

HWY_INLINE void addRun(const float* from, int64_t count, float* to) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
  });
}

// ---- One group, no dilation along the row: kernel rows are runs. To unfold, each row of the picture goes through a
// small buffer that holds its border of zeros, so that all runs are equally long and their loops predictable.

constexpr int64_t kBufferFloats = 2048;

struct PaddedRow {
  int64_t floats;           // of the buffer that the windows span
  int64_t border, inside;   // floats of padding before the picture, and of the picture
  int64_t rowFloats, step;  // of one kernel row; from one position to the next
};

PaddedRow paddedRow(const Window& w) {
  const int64_t rowFloats = w.kernelWidth * w.inChannels, step = w.strideWidth * w.inChannels;
  const int64_t floats = (w.outWidth - 1) * step + rowFloats, border = w.padWidth * w.inChannels;
  return {floats, border, std::clamp<int64_t>(floats - border, 0, w.inWidth * w.inChannels), rowFloats, step};
}

bool kernelRowsAreRuns(const Window& w) {
  return w.groups == 1 && w.dilationWidth == 1;
}

bool goesThroughBuffer(const Window& w) {
  return kernelRowsAreRuns(w) && w.padWidth >= 0 && paddedRow(w).floats <= kBufferFloats;
}

// visit(row of the input beneath the kernel's k-th row, or -1 outside the picture; k) for one output row.
template <class Visit>
HWY_INLINE void forEachKernelRow(const Window& w, int64_t row, const Visit& visit) {
  const int64_t picture = w.isPicture() ? 0 : row / w.outHeight;
  const int64_t top = (row - picture * w.outHeight) * w.strideHeight - w.padHeight;
  int64_t plane = picture * w.strideDepth - w.padDepth, k = 0;
  for (int64_t kp = 0; kp < w.kernelDepth; ++kp, plane += w.dilationDepth) {
    const bool planeInside = plane >= 0 && plane < w.inDepth;
    int64_t inRow = top;
    for (int64_t kr = 0; kr < w.kernelHeight; ++kr, ++k, inRow += w.dilationHeight)
      visit(planeInside && inRow >= 0 && inRow < w.inHeight ? plane * w.inHeight + inRow : -1, k);
  }
}

void unfoldThroughBuffer(const Window& w, const float* x, int64_t firstRow, int64_t rows, float* patches) {
  alignas(64) float buffer[kBufferFloats];
  const PaddedRow padded = paddedRow(w);
  const int64_t patch = w.patch();
  clearRun(padded.floats, buffer);
  for (int64_t row = 0; row < rows; ++row, patches += w.outWidth * patch)
    forEachKernelRow(w, firstRow + row, [&](int64_t inRow, int64_t k) HWY_ATTR {
      float* to = patches + k * padded.rowFloats;
      if (inRow < 0) {
        for (int64_t column = 0; column < w.outWidth; ++column) clearRun(padded.rowFloats, to + column * patch);
        return;
      }
      copyRun(x + inRow * w.inWidth * w.inChannels, padded.inside, buffer + padded.border);
      for (int64_t column = 0; column < w.outWidth; ++column)
        copyRun(buffer + column * padded.step, padded.rowFloats, to + column * patch);
    });
}

// Positions outside, kernel rows inside: neighbouring positions overlap, and adding to what has just been stored half a
// vector further on would wait for it.
void foldKernelRows(const Window& w, const float* patches, int64_t firstRow, int64_t rows, float* dx) {
  const int64_t channels = w.inChannels, rowFloats = w.kernelWidth * channels;
  for (int64_t row = firstRow; row < firstRow + rows; ++row)
    for (int64_t column = 0; column < w.outWidth; ++column, patches += w.patch()) {
      const int64_t start = column * w.strideWidth - w.padWidth;
      const int64_t before = std::clamp<int64_t>(-start, 0, w.kernelWidth);
      const int64_t inside = std::clamp<int64_t>(w.inWidth - start, before, w.kernelWidth) - before;
      forEachKernelRow(w, row, [&](int64_t inRow, int64_t k) HWY_ATTR {
        if (inRow < 0) return;
        addRun(patches + k * rowFloats + before * channels, inside * channels,
               dx + (inRow * w.inWidth + start + before) * channels);
      });
    }
}

// ---- Any window: each tap of one position and group is a run of its channels.

template <class Run>
HWY_INLINE void forEachTap(const Window& w, int64_t row, int64_t column, int64_t group, int64_t patch, const Run& run) {
  const int64_t channels = w.inChannels / w.groups;
  forEachKernelRow(w, row, [&](int64_t inRow, int64_t) HWY_ATTR {
    for (int64_t kc = 0; kc < w.kernelWidth; ++kc, patch += channels) {
      const int64_t inColumn = column * w.strideWidth - w.padWidth + kc * w.dilationWidth;
      const bool inside = inRow >= 0 && inColumn >= 0 && inColumn < w.inWidth;
      run(patch, inside ? (inRow * w.inWidth + inColumn) * w.inChannels + group * channels : -1, channels);
    }
  });
}

// run(offset in the patches, offset in the picture or -1 outside it, floats)
template <class Run>
HWY_INLINE void forEachRun(const Window& w, int64_t firstRow, int64_t rows, const Run& run) {
  int64_t patch = 0;
  for (int64_t row = firstRow; row < firstRow + rows; ++row)
    for (int64_t column = 0; column < w.outWidth; ++column)
      for (int64_t group = 0; group < w.groups; ++group, patch += w.patch())
        forEachTap(w, row, column, group, patch, run);
}

void unfoldRowsVector(const Window& w, const float* x, int64_t firstRow, int64_t rows, float* patches) {
  if (goesThroughBuffer(w)) return unfoldThroughBuffer(w, x, firstRow, rows, patches);
  forEachRun(w, firstRow, rows, [&](int64_t to, int64_t from, int64_t floats) HWY_ATTR {
    if (from < 0)
      clearRun(floats, patches + to);
    else
      copyRun(x + from, floats, patches + to);
  });
}

void foldRowsVector(const Window& w, const float* patches, int64_t firstRow, int64_t rows, float* dx) {
  if (kernelRowsAreRuns(w)) return foldKernelRows(w, patches, firstRow, rows, dx);
  forEachRun(w, firstRow, rows, [&](int64_t from, int64_t to, int64_t floats) HWY_ATTR {
    if (to >= 0) addRun(patches + from, floats, dx + to);
  });
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(unfoldRowsVector);
HWY_EXPORT(foldRowsVector);
}  // namespace

void unfoldRows(const Window& window, const float* x, int64_t firstRow, int64_t rows, float* patches) {
  HWY_DYNAMIC_DISPATCH(unfoldRowsVector)(window, x, firstRow, rows, patches);
}

void foldRows(const Window& window, const float* patches, int64_t firstRow, int64_t rows, float* dx) {
  HWY_DYNAMIC_DISPATCH(foldRowsVector)(window, patches, firstRow, rows, dx);
}

}  // namespace hushgrad::cpu
#endif
