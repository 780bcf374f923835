// Visits every pair of output position and input pixel that a window joins; padding is passed over.
#pragma once

#include "backend/backend.h"

namespace hushgrad {

struct WindowTap {
  int64_t position, pixel;  // into OD·OH·OW and D·H·W
  int64_t index;            // into the kernel, KD·KH·KW
};

template <class Visit>
void forEachTap(const Window& w, Visit visit) {
  const int64_t picture = w.kernelHeight * w.kernelWidth;
  for (int64_t position = 0; position < w.positions(); ++position) {
    const int64_t od = position / w.outWidth / w.outHeight, oh = position / w.outWidth % w.outHeight;
    for (int64_t k = 0; k < w.taps(); ++k) {
      const int64_t d = od * w.strideDepth - w.padDepth + k / picture * w.dilationDepth;
      const int64_t h = oh * w.strideHeight - w.padHeight + k % picture / w.kernelWidth * w.dilationHeight;
      const int64_t v = position % w.outWidth * w.strideWidth - w.padWidth + k % w.kernelWidth * w.dilationWidth;
      const bool inside = d >= 0 && d < w.inDepth && h >= 0 && h < w.inHeight && v >= 0 && v < w.inWidth;
      if (inside) visit(WindowTap{position, (d * w.inHeight + h) * w.inWidth + v, k});
    }
  }
}

}  // namespace hushgrad
