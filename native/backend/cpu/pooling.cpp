// Pooling over channels-last pictures: every vector holds neighbouring channels of one position.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/pooling.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>

#include "backend/cpu/loops-inl.h"
// clang-format on

#include <algorithm>
#include <cstring>
#include <limits>

#include "backend/cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace {

// The taps of one output row or column that lie inside the picture: first, first + step, … below end.
struct Taps {
  int64_t first, end, step;
  int64_t count() const { return first < end ? (end - first + step - 1) / step : 0; }
};

Taps tapsInside(int64_t out, int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  const int64_t start = out * stride - pad;
  const int64_t skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
  return {start + skipped * dilation, std::min(in, start + (kernel - 1) * dilation + 1), dilation};
}

Taps rowTaps(const Window& w, int64_t row) {
  return tapsInside(row, w.inHeight, w.kernelHeight, w.strideHeight, w.padHeight, w.dilationHeight);
}
Taps columnTaps(const Window& w, int64_t column) {
  return tapsInside(column, w.inWidth, w.kernelWidth, w.strideWidth, w.padWidth, w.dilationWidth);
}

// visit(rows, columns, position) for every output position.
template <class Visit>
HWY_INLINE void forEachPosition(const Window& w, const Visit& visit) {
  for (int64_t row = 0; row < w.outHeight; ++row) {
    const Taps rows = rowTaps(w, row);
    for (int64_t column = 0; column < w.outWidth; ++column)
      visit(rows, columnTaps(w, column), row * w.outWidth + column);
  }
}

bool isSquare(const Window& w, int64_t kernel) {
  return w.kernelHeight == kernel && w.kernelWidth == kernel && w.dilationHeight == 1 && w.dilationWidth == 1;
}

// Of an undilated kernel: no tap is outside the picture.
template <int kRows, int kColumns>
HWY_INLINE bool isWhole(const Taps& rows, const Taps& columns) {
  return rows.end - rows.first == kRows && columns.end - columns.first == kColumns;
}

template <class V, class I>
struct Best {
  V value;
  I index;
};

template <class D, class V, class DI, class I>
HWY_INLINE void consider(D d, V value, DI di, int64_t at, Best<V, I>& best) {
  const auto better = hn::Or(hn::Gt(value, best.value), hn::IsNaN(value));
  best.value = hn::IfThenElse(better, value, best.value);
  best.index = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, static_cast<int32_t>(at)), best.index);
  (void)d;
}

// The first maximum, or a NaN where there is one, as PyTorch. A window of kRows × kColumns that lies inside the picture
// and is not dilated has a loop that the compiler unrolls; 0 × 0 stands for any other.
template <int kRows, int kColumns>
HWY_INLINE void maxOfWindow(const Window& w, const Taps& rows, const Taps& columns, const float* x, float* y,
                            int32_t* chosen) {
  const int64_t channels = w.inChannels, first = rows.first * w.inWidth + columns.first;
  forEachLane(static_cast<size_t>(channels), [&](auto d, size_t c) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    const float* from = x + c;
    Best<hn::Vec<decltype(d)>, hn::Vec<decltype(di)>> best{hn::Set(d, -std::numeric_limits<float>::infinity()),
                                                           hn::Set(di, static_cast<int32_t>(first))};
    if constexpr (kRows > 0) {
      for (int r = 0; r < kRows; ++r)
        for (int k = 0; k < kColumns; ++k) {
          const int64_t at = first + r * w.inWidth + k;
          consider(d, hn::LoadU(d, from + at * channels), di, at, best);
        }
    } else {
      for (int64_t r = rows.first; r < rows.end; r += rows.step)
        for (int64_t k = columns.first; k < columns.end; k += columns.step) {
          const int64_t at = r * w.inWidth + k;
          consider(d, hn::LoadU(d, from + at * channels), di, at, best);
        }
    }
    hn::StoreU(best.value, d, y + c);
    hn::StoreU(best.index, di, chosen + c);
  });
}

template <int kRows, int kColumns>
void maxPoolOf(const Window& w, int64_t examples, const float* x, float* y, int32_t* chosen) {
  for (int64_t b = 0; b < examples; ++b, x += w.inElements(), y += w.outElements(), chosen += w.outElements())
    forEachPosition(w, [&](const Taps& rows, const Taps& columns, int64_t position) HWY_ATTR {
      const int64_t at = position * w.inChannels;
      if (kRows > 0 && isWhole<kRows, kColumns>(rows, columns))
        maxOfWindow<kRows, kColumns>(w, rows, columns, x, y + at, chosen + at);
      else
        maxOfWindow<0, 0>(w, rows, columns, x, y + at, chosen + at);
    });
}

void maxPoolVector(const Window& w, int64_t examples, const float* x, float* y, int32_t* chosen) {
  if (isSquare(w, 2)) return maxPoolOf<2, 2>(w, examples, x, y, chosen);
  if (isSquare(w, 3)) return maxPoolOf<3, 3>(w, examples, x, y, chosen);
  maxPoolOf<0, 0>(w, examples, x, y, chosen);
}

// Every tap takes the position's gradient where it was the one chosen: vectors, where a scatter would be scalar. Where
// windows do not overlap nothing was written there before, so nothing is added up. kRows and kColumns as above.
template <int kRows, int kColumns, bool kOverlap>
HWY_INLINE void spreadGradient(const Window& w, const Taps& rows, const Taps& columns, const int32_t* chosen,
                               const float* dy, float* dx) {
  const int64_t channels = w.inChannels, first = rows.first * w.inWidth + columns.first;
  forEachLane(static_cast<size_t>(channels), [&](auto d, size_t c) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    const auto gradient = hn::LoadU(d, dy + c);
    const auto index = hn::LoadU(di, chosen + c);
    const auto give = [&](int64_t at) HWY_ATTR {
      const auto mine = hn::RebindMask(d, hn::Eq(index, hn::Set(di, static_cast<int32_t>(at))));
      float* to = dx + at * channels + static_cast<int64_t>(c);
      const auto share = hn::IfThenElseZero(mine, gradient);
      hn::StoreU(kOverlap ? hn::Add(hn::LoadU(d, to), share) : share, d, to);
    };
    if constexpr (kRows > 0) {
      for (int r = 0; r < kRows; ++r)
        for (int k = 0; k < kColumns; ++k) give(first + r * w.inWidth + k);
    } else {
      for (int64_t r = rows.first; r < rows.end; r += rows.step)
        for (int64_t k = columns.first; k < columns.end; k += columns.step) give(r * w.inWidth + k);
    }
  });
}

// The windows tile the picture: each element of it lies in exactly one.
bool tilesPicture(const Window& w) {
  return w.padHeight == 0 && w.padWidth == 0 && w.strideHeight == w.kernelHeight && w.strideWidth == w.kernelWidth &&
         w.outHeight * w.strideHeight == w.inHeight && w.outWidth * w.strideWidth == w.inWidth;
}

template <int kRows, int kColumns, bool kOverlap>
void maxPoolGradientOf(const Window& w, int64_t examples, const int32_t* chosen, const float* dy, float* dx) {
  const bool writesAll = !kOverlap && tilesPicture(w);
  for (int64_t b = 0; b < examples; ++b, dx += w.inElements(), dy += w.outElements(), chosen += w.outElements()) {
    if (!writesAll) std::memset(dx, 0, static_cast<size_t>(w.inElements()) * sizeof(float));
    forEachPosition(w, [&](const Taps& rows, const Taps& columns, int64_t position) HWY_ATTR {
      const int64_t at = position * w.inChannels;
      if (kRows > 0 && isWhole<kRows, kColumns>(rows, columns))
        spreadGradient<kRows, kColumns, kOverlap>(w, rows, columns, chosen + at, dy + at, dx);
      else
        spreadGradient<0, 0, kOverlap>(w, rows, columns, chosen + at, dy + at, dx);
    });
  }
}

void maxPoolGradientVector(const Window& w, int64_t examples, const int32_t* chosen, const float* dy, float* dx) {
  const bool apart =
      w.strideHeight > (w.kernelHeight - 1) * w.dilationHeight && w.strideWidth > (w.kernelWidth - 1) * w.dilationWidth;
  if (isSquare(w, 2) && apart) return maxPoolGradientOf<2, 2, false>(w, examples, chosen, dy, dx);
  if (isSquare(w, 2)) return maxPoolGradientOf<2, 2, true>(w, examples, chosen, dy, dx);
  if (isSquare(w, 3)) return maxPoolGradientOf<3, 3, true>(w, examples, chosen, dy, dx);
  maxPoolGradientOf<0, 0, true>(w, examples, chosen, dy, dx);
}

float averageFactor(const Window& w, const Taps& rows, const Taps& columns) {
  const int64_t count = w.countPadding ? w.kernelHeight * w.kernelWidth : rows.count() * columns.count();
  return 1.0f / static_cast<float>(std::max<int64_t>(count, 1));
}

void averagePoolVector(const Window& w, int64_t examples, const float* x, float* y) {
  const int64_t channels = w.inChannels;
  for (int64_t b = 0; b < examples; ++b, x += w.inElements(), y += w.outElements()) {
    forEachPosition(w, [&](const Taps& rows, const Taps& columns, int64_t position) HWY_ATTR {
      const float factor = averageFactor(w, rows, columns);
      forEachLane(static_cast<size_t>(channels), [&](auto d, size_t c) HWY_ATTR {
        auto total = hn::Zero(d);
        for (int64_t r = rows.first; r < rows.end; r += rows.step) {
          auto rowTotal = hn::Zero(d);  // of one kernel row: keeps the sums short in large windows
          for (int64_t k = columns.first; k < columns.end; k += columns.step)
            rowTotal = hn::Add(rowTotal, hn::LoadU(d, x + (r * w.inWidth + k) * channels + static_cast<int64_t>(c)));
          total = hn::Add(total, rowTotal);
        }
        hn::StoreU(hn::Mul(total, hn::Set(d, factor)), d, y + position * channels + static_cast<int64_t>(c));
      });
    });
  }
}

void averagePoolGradientVector(const Window& w, int64_t examples, const float* dy, float* dx) {
  const int64_t channels = w.inChannels;
  std::memset(dx, 0, static_cast<size_t>(examples * w.inElements()) * sizeof(float));
  for (int64_t b = 0; b < examples; ++b, dx += w.inElements(), dy += w.outElements()) {
    forEachPosition(w, [&](const Taps& rows, const Taps& columns, int64_t position) HWY_ATTR {
      const float factor = averageFactor(w, rows, columns);
      forEachLane(static_cast<size_t>(channels), [&](auto d, size_t c) HWY_ATTR {
        const auto share =
            hn::Mul(hn::LoadU(d, dy + position * channels + static_cast<int64_t>(c)), hn::Set(d, factor));
        for (int64_t r = rows.first; r < rows.end; r += rows.step)
          for (int64_t k = columns.first; k < columns.end; k += columns.step) {
            float* to = dx + (r * w.inWidth + k) * channels + static_cast<int64_t>(c);
            hn::StoreU(hn::Add(hn::LoadU(d, to), share), d, to);
          }
      });
    });
  }
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(maxPoolVector);
HWY_EXPORT(maxPoolGradientVector);
HWY_EXPORT(averagePoolVector);
HWY_EXPORT(averagePoolGradientVector);
}  // namespace

void maxPool(const Window& window, int64_t examples, const float* x, float* y, int32_t* chosen) {
  HWY_DYNAMIC_DISPATCH(maxPoolVector)(window, examples, x, y, chosen);
}

void maxPoolGradient(const Window& window, int64_t examples, const int32_t* chosen, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(maxPoolGradientVector)(window, examples, chosen, dy, dx);
}

void averagePool(const Window& window, int64_t examples, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(averagePoolVector)(window, examples, x, y);
}

void averagePoolGradient(const Window& window, int64_t examples, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(averagePoolGradientVector)(window, examples, dy, dx);
}

}  // namespace hushgrad::cpu
#endif
