// Patches of a channels-last picture as rows of a matrix, and the adjoint. Within a patch the order is kernel row,
// kernel column, channel, so that a kernel row of one group is a run of contiguous memory where nothing is dilated.
#include <algorithm>
#include <cstring>

#include "backend/cpu/kernels.h"

namespace hushgrad::cpu {
namespace {

// Calls tap(patchOffset, picture offset or -1 outside it) for every kernel tap of one position and group; each tap is
// `inChannels / groups` contiguous floats.
template <class Tap>
void forEachTap(const Window& w, int64_t row, int64_t column, int64_t group, const Tap& tap) {
  const int64_t run = w.inChannels / w.groups;
  int64_t patchOffset = group * w.patch();
  for (int64_t kr = 0; kr < w.kernelHeight; ++kr) {
    const int64_t inRow = row * w.strideHeight - w.padHeight + kr * w.dilationHeight;
    const bool rowInside = inRow >= 0 && inRow < w.inHeight;
    for (int64_t kc = 0; kc < w.kernelWidth; ++kc, patchOffset += run) {
      const int64_t inColumn = column * w.strideWidth - w.padWidth + kc * w.dilationWidth;
      const bool inside = rowInside && inColumn >= 0 && inColumn < w.inWidth;
      tap(patchOffset, inside ? (inRow * w.inWidth + inColumn) * w.inChannels + group * run : -1);
    }
  }
}

bool wholeKernelRowsAreRuns(const Window& w) {
  return w.groups == 1 && w.dilationWidth == 1;
}

// One group and no dilation: each kernel row is one copy, clipped at the picture's left and right border.
void unfoldPosition(const Window& w, const float* x, int64_t row, int64_t column, float* patch) {
  const int64_t channels = w.inChannels, rowFloats = w.kernelWidth * channels;
  const int64_t firstColumn = column * w.strideWidth - w.padWidth;
  const int64_t before = std::min(std::max<int64_t>(-firstColumn, 0), w.kernelWidth);
  const int64_t after = std::min(std::max<int64_t>(firstColumn + w.kernelWidth - w.inWidth, 0), w.kernelWidth - before);
  const int64_t inside = w.kernelWidth - before - after;
  for (int64_t kr = 0; kr < w.kernelHeight; ++kr, patch += rowFloats) {
    const int64_t inRow = row * w.strideHeight - w.padHeight + kr * w.dilationHeight;
    if (inRow < 0 || inRow >= w.inHeight) {
      std::fill_n(patch, rowFloats, 0.0f);
      continue;
    }
    std::fill_n(patch, before * channels, 0.0f);
    if (inside > 0)
      std::memcpy(patch + before * channels, x + (inRow * w.inWidth + firstColumn + before) * channels,
                  static_cast<size_t>(inside * channels) * sizeof(float));
    std::fill_n(patch + (before + inside) * channels, after * channels, 0.0f);
  }
}

}  // namespace

void unfoldRows(const Window& w, const float* x, int64_t firstRow, int64_t rows, float* patches) {
  const int64_t run = w.inChannels / w.groups, patchFloats = w.groups * w.patch();
  const bool runs = wholeKernelRowsAreRuns(w);
  for (int64_t row = firstRow; row < firstRow + rows; ++row) {
    for (int64_t column = 0; column < w.outWidth; ++column, patches += patchFloats) {
      if (runs) {
        unfoldPosition(w, x, row, column, patches);
        continue;
      }
      for (int64_t group = 0; group < w.groups; ++group)
        forEachTap(w, row, column, group, [&](int64_t to, int64_t from) {
          if (from < 0)
            std::fill_n(patches + to, run, 0.0f);
          else
            std::copy_n(x + from, run, patches + to);
        });
    }
  }
}

void foldRows(const Window& w, const float* patches, int64_t firstRow, int64_t rows, float* dx) {
  const int64_t run = w.inChannels / w.groups, patchFloats = w.groups * w.patch();
  for (int64_t row = firstRow; row < firstRow + rows; ++row)
    for (int64_t column = 0; column < w.outWidth; ++column, patches += patchFloats)
      for (int64_t group = 0; group < w.groups; ++group)
        forEachTap(w, row, column, group, [&](int64_t from, int64_t to) {
          if (to < 0) return;
          for (int64_t c = 0; c < run; ++c) dx[to + c] += patches[from + c];
        });
}

}  // namespace hushgrad::cpu
