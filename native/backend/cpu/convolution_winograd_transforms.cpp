// Winograd's transforms, every vector holding neighbouring channels of one pixel. Each is a matrix applied to the
// columns, then to the rows, of a small square; constants are those of the points 0, ±√½, ±√2, ∞.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/convolution_winograd_transforms.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>

#include "backend/cpu/loops-inl.h"
// clang-format on

#include "backend/cpu/convolution_winograd.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::winograd::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using hushgrad::cpu::HWY_NAMESPACE::forEachLane;

constexpr float kNear = 0.70710678118654752f, kFar = 1.41421356237309505f;  // √½ and √2

// out[kOut, kOut] = L in[kIn, kIn] Lᵀ; step(d, line, image) multiplies one line by L.
template <int kIn, int kOut, class D, class Load, class Step, class Store>
HWY_INLINE void bothSides(D d, const Load& load, const Step& step, const Store& store) {
  hn::Vec<D> middle[kOut][kIn], line[kIn], image[kOut];
  for (int j = 0; j < kIn; ++j) {
    for (int i = 0; i < kIn; ++i) line[i] = load(i, j);
    step(d, line, image);
    for (int i = 0; i < kOut; ++i) middle[i][j] = image[i];
  }
  for (int i = 0; i < kOut; ++i) {
    step(d, middle[i], image);
    for (int j = 0; j < kOut; ++j) store(i, j, image[j]);
  }
}

// Bᵀ. Row p of a point is M(x) / (x − p), M the product over all points.
struct PatchStep {
  template <class D, class V>
  HWY_INLINE void operator()(D d, const V* x, V* y) const {
    const auto two = hn::Set(d, 2.0f), half = hn::Set(d, 0.5f), outer = hn::Set(d, 2.5f);
    const auto evenNear = hn::NegMulAdd(two, x[2], x[4]), oddNear = hn::NegMulAdd(two, x[1], x[3]);
    const auto evenFar = hn::NegMulAdd(half, x[2], x[4]), oddFar = hn::NegMulAdd(half, x[1], x[3]);
    const auto near = hn::Set(d, kNear), far = hn::Set(d, kFar);
    y[0] = hn::NegMulAdd(outer, x[2], hn::Add(x[0], x[4]));
    y[1] = hn::MulAdd(near, oddNear, evenNear);
    y[2] = hn::NegMulAdd(near, oddNear, evenNear);
    y[3] = hn::MulAdd(far, oddFar, evenFar);
    y[4] = hn::NegMulAdd(far, oddFar, evenFar);
    y[5] = hn::NegMulAdd(outer, x[3], hn::Add(x[1], x[5]));
  }
};

// Aᵀ, whose column of a point p is (1, p, p², p³).
struct OutputStep {
  template <class D, class V>
  HWY_INLINE void operator()(D d, const V* x, V* y) const {
    const auto evenNear = hn::Add(x[1], x[2]), evenFar = hn::Add(x[3], x[4]);
    const auto oddNear = hn::Mul(hn::Set(d, kNear), hn::Sub(x[1], x[2]));
    const auto oddFar = hn::Mul(hn::Set(d, kFar), hn::Sub(x[3], x[4]));
    const auto two = hn::Set(d, 2.0f), half = hn::Set(d, 0.5f);
    y[0] = hn::Add(x[0], hn::Add(evenNear, evenFar));
    y[1] = hn::Add(oddNear, oddFar);
    y[2] = hn::MulAdd(half, evenNear, hn::Mul(two, evenFar));
    y[3] = hn::MulAdd(half, oddNear, hn::MulAdd(two, oddFar, x[5]));
  }
};

// A
struct OutputGradientStep {
  template <class D, class V>
  HWY_INLINE void operator()(D d, const V* x, V* y) const {
    const auto two = hn::Set(d, 2.0f), half = hn::Set(d, 0.5f);
    const auto near = hn::Set(d, kNear), far = hn::Set(d, kFar);
    const auto evenNear = hn::MulAdd(half, x[2], x[0]), oddNear = hn::MulAdd(half, x[3], x[1]);
    const auto evenFar = hn::MulAdd(two, x[2], x[0]), oddFar = hn::MulAdd(two, x[3], x[1]);
    y[0] = x[0];
    y[1] = hn::MulAdd(near, oddNear, evenNear);
    y[2] = hn::NegMulAdd(near, oddNear, evenNear);
    y[3] = hn::MulAdd(far, oddFar, evenFar);
    y[4] = hn::NegMulAdd(far, oddFar, evenFar);
    y[5] = x[3];
  }
};

constexpr float kNearScale = -1 / 1.5f, kFarScale = 1 / 6.0f;  // 1 / Π_{q ≠ p} (p − q) of p = ±√½ and ±√2

// G, whose row of a point p is (1, p, p²) / Π_{q ≠ p} (p − q).
struct KernelStep {
  template <class D, class V>
  HWY_INLINE void operator()(D d, const V* x, V* y) const {
    const auto nearScale = hn::Set(d, kNearScale), farScale = hn::Set(d, kFarScale);
    const auto evenNear = hn::Mul(nearScale, hn::MulAdd(hn::Set(d, 0.5f), x[2], x[0]));
    const auto evenFar = hn::Mul(farScale, hn::MulAdd(hn::Set(d, 2.0f), x[2], x[0]));
    const auto near = hn::Set(d, kNearScale * kNear), far = hn::Set(d, kFarScale * kFar);
    y[0] = x[0];
    y[1] = hn::MulAdd(near, x[1], evenNear);
    y[2] = hn::NegMulAdd(near, x[1], evenNear);
    y[3] = hn::MulAdd(far, x[1], evenFar);
    y[4] = hn::NegMulAdd(far, x[1], evenFar);
    y[5] = x[2];
  }
};

// Gᵀ
struct SumStep {
  template <class D, class V>
  HWY_INLINE void operator()(D d, const V* x, V* y) const {
    const auto evenNear = hn::Mul(hn::Set(d, kNearScale), hn::Add(x[1], x[2]));
    const auto evenFar = hn::Mul(hn::Set(d, kFarScale), hn::Add(x[3], x[4]));
    const auto oddNear = hn::Sub(x[1], x[2]), oddFar = hn::Sub(x[3], x[4]);
    const auto near = hn::Set(d, kNearScale * kNear), far = hn::Set(d, kFarScale * kFar);
    y[0] = hn::Add(x[0], hn::Add(evenNear, evenFar));
    y[1] = hn::MulAdd(near, oddNear, hn::Mul(far, oddFar));
    y[2] = hn::MulAdd(hn::Set(d, 0.5f), evenNear, hn::MulAdd(hn::Set(d, 2.0f), evenFar, x[5]));
  }
};

// A tile's square of `extent` pixels against the picture: pixel (i, j) is at first + (i · width + j) · channels.
struct Square {
  int64_t row, column, first;
  bool inside;
};

HWY_INLINE Square squareOf(const Tiles& t, int64_t tile, int64_t extent) {
  const int64_t example = tile / t.perExample(), within = tile % t.perExample();
  const int64_t row = within / t.columns * kTile - t.padHeight, column = within % t.columns * kTile - t.padWidth;
  const bool inside = row >= 0 && column >= 0 && row + extent <= t.height && column + extent <= t.width;
  return {row, column, ((example * t.height + row) * t.width + column) * t.channels, inside};
}

HWY_INLINE bool isInPicture(const Tiles& t, const Square& square, int i, int j) {
  return static_cast<uint64_t>(square.row + i) < static_cast<uint64_t>(t.height) &&
         static_cast<uint64_t>(square.column + j) < static_cast<uint64_t>(t.width);
}

template <int kExtent, class Step>
HWY_INLINE void transformSquares(const Tiles& t, TileRange range, const float* x, const Transformed& to) {
  const int64_t rowFloats = t.width * t.channels;
  for (int64_t n = 0; n < range.count; ++n) {
    const Square square = squareOf(t, range.first + n, kExtent);
    float* image = to.values + n * to.tileStride;
    forEachLane(static_cast<size_t>(t.channels), [&](auto d, size_t c) HWY_ATTR {
      const auto pixel = [&](int i, int j) HWY_ATTR {
        return hn::LoadU(d, x + (square.first + static_cast<int64_t>(c) + i * rowFloats + j * t.channels));
      };
      const auto pixelOrZero = [&](int i, int j)
                                   HWY_ATTR { return isInPicture(t, square, i, j) ? pixel(i, j) : hn::Zero(d); };
      const auto store = [&](int i, int j, auto value)
                             HWY_ATTR { hn::StoreU(value, d, image + (i * kPatch + j) * to.elementStride + c); };
      if (square.inside) return bothSides<kExtent, kPatch>(d, pixel, Step(), store);
      bothSides<kExtent, kPatch>(d, pixelOrZero, Step(), store);
    });
  }
}

void transformPatchesVector(const Tiles& tiles, TileRange range, const float* x, const Transformed& to) {
  transformSquares<kPatch, PatchStep>(tiles, range, x, to);
}

void transformOutputGradientsVector(const Tiles& tiles, TileRange range, const float* dy, const Transformed& to) {
  transformSquares<kTile, OutputGradientStep>(tiles, range, dy, to);
}

void transformOutputsVector(const Tiles& t, TileRange range, const Transformed& from, const float* bias,
                            int64_t firstChannel, int64_t channels, float* y) {
  const int64_t rowFloats = t.width * t.channels;
  for (int64_t n = 0; n < range.count; ++n) {
    const Square square = squareOf(t, range.first + n, kTile);
    const float* image = from.values + n * from.tileStride;
    forEachLane(static_cast<size_t>(channels), [&](auto d, size_t c) HWY_ATTR {
      const auto shift = bias ? hn::LoadU(d, bias + firstChannel + c) : hn::Zero(d);
      const int64_t first = square.first + firstChannel + static_cast<int64_t>(c);
      const auto load = [&](int i, int j)
                            HWY_ATTR { return hn::LoadU(d, image + (i * kPatch + j) * from.elementStride + c); };
      const auto store = [&](int i, int j, auto value) HWY_ATTR {
        if (square.inside || isInPicture(t, square, i, j))
          hn::StoreU(hn::Add(value, shift), d, y + (first + i * rowFloats + j * t.channels));
      };
      bothSides<kPatch, kTile>(d, load, OutputStep(), store);
    });
  }
}

void transformKernelsVector(const float* taps, float* to, int64_t elementStride) {
  forEachLane(kPanel, [&](auto d, size_t c) HWY_ATTR {
    const auto load = [&](int i, int j) HWY_ATTR { return hn::LoadU(d, taps + (i * 3 + j) * kPanel + c); };
    const auto store = [&](int i, int j, auto value)
                           HWY_ATTR { hn::StoreU(value, d, to + (i * kPatch + j) * elementStride + c); };
    bothSides<3, kPatch>(d, load, KernelStep(), store);
  });
}

void transformSumsVector(int64_t rows, int64_t columns, const Transformed& sums, const Taps& to) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = sums.values + row * sums.tileStride;
    float* taps = to.values + row * to.rowStride;
    forEachLane(static_cast<size_t>(columns), [&](auto d, size_t c) HWY_ATTR {
      const auto load = [&](int i, int j)
                            HWY_ATTR { return hn::LoadU(d, from + (i * kPatch + j) * sums.elementStride + c); };
      const auto store = [&](int i, int j, auto value)
                             HWY_ATTR { hn::StoreU(value, d, taps + (i * 3 + j) * to.tapStride + c); };
      bothSides<kPatch, 3>(d, load, SumStep(), store);
    });
  }
}

}  // namespace
}  // namespace hushgrad::cpu::winograd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu::winograd {

HWY_EXPORT(transformPatchesVector);
HWY_EXPORT(transformOutputGradientsVector);
HWY_EXPORT(transformOutputsVector);
HWY_EXPORT(transformKernelsVector);
HWY_EXPORT(transformSumsVector);

void transformPatches(const Tiles& tiles, TileRange range, const float* x, const Transformed& to) {
  HWY_DYNAMIC_DISPATCH(transformPatchesVector)(tiles, range, x, to);
}
void transformOutputGradients(const Tiles& tiles, TileRange range, const float* dy, const Transformed& to) {
  HWY_DYNAMIC_DISPATCH(transformOutputGradientsVector)(tiles, range, dy, to);
}
void transformOutputs(const Tiles& tiles, TileRange range, const Transformed& from, const float* bias,
                      int64_t firstChannel, int64_t channels, float* y) {
  HWY_DYNAMIC_DISPATCH(transformOutputsVector)(tiles, range, from, bias, firstChannel, channels, y);
}
void transformKernels(const float* taps, float* to, int64_t elementStride) {
  HWY_DYNAMIC_DISPATCH(transformKernelsVector)(taps, to, elementStride);
}
void transformSums(int64_t rows, int64_t columns, const Transformed& sums, const Taps& to) {
  HWY_DYNAMIC_DISPATCH(transformSumsVector)(rows, columns, sums, to);
}

}  // namespace hushgrad::cpu::winograd
#endif
