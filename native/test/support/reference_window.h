// Visits every pair of output position and input pixel that a window joins; padding is passed over.
#pragma once

#include "backend/backend.h"

namespace hushgrad {

struct WindowTap {
  int64_t position, pixel;  // into OH·OW and H·W
  int64_t row, column;      // of the kernel
};

template <class Visit>
void forEachTap(const Window& w, Visit visit) {
  for (int64_t oh = 0; oh < w.outHeight; ++oh) {
    for (int64_t ow = 0; ow < w.outWidth; ++ow) {
      for (int64_t kh = 0; kh < w.kernelHeight; ++kh) {
        for (int64_t kw = 0; kw < w.kernelWidth; ++kw) {
          int64_t h = oh * w.strideHeight - w.padHeight + kh * w.dilationHeight;
          int64_t v = ow * w.strideWidth - w.padWidth + kw * w.dilationWidth;
          if (h < 0 || h >= w.inHeight || v < 0 || v >= w.inWidth) continue;
          visit(WindowTap{oh * w.outWidth + ow, h * w.inWidth + v, kh, kw});
        }
      }
    }
  }
}

}  // namespace hushgrad
