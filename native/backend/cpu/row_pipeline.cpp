#include "backend/cpu/row_pipeline.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/row_pipeline.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "backend/cpu/machine.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Doubles = hn::ScalableTag<double>;
using HalfFloats = hn::Rebind<float, Doubles>;  // as many floats as a vector holds doubles
using OneFloat = hn::CappedTag<float, 1>;

// Measured: 8 KB ahead bridges the starts of pages, where the hardware's own prefetching pauses. Rows that are added
// come from cache, which needs no help.
constexpr int64_t kAhead = 2048;

template <class D, class T>
HWY_INLINE hn::Vec<D> load(D d, const T* x) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<T, D>(), x));
}

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* x) {
  return hn::LoadU(d, x);
}

// All ones where a column is kept.
template <bool kMasked, class D>
HWY_INLINE hn::Mask<D> keptLanes(D d, const uint8_t* kept, int64_t c) {
  if (!kMasked) return hn::MaskFromVec(hn::Zero(d));  // not used
  const hn::RebindToUnsigned<D> du;
  const auto words = hn::PromoteTo(du, hn::LoadU(hn::Rebind<uint8_t, D>(), kept + c));
  return hn::RebindMask(d, hn::Ne(words, hn::Zero(du)));
}

// A dropped column is selected away, not multiplied away: it may hold NaN.
template <bool kMasked, class D, class T>
HWY_INLINE hn::Vec<D> loadKept(D d, hn::Mask<D> kept, const T* x) {
  const auto values = load(d, x);
  return kMasked ? hn::IfThenElseZero(kept, values) : values;
}

HWY_INLINE hn::Vec<Doubles> addSquares(hn::Vec<HalfFloats> x, hn::Vec<Doubles> sum) {
  const auto values = hn::PromoteTo(Doubles(), x);
  return hn::MulAdd(values, values, sum);
}

// kAdd and kNorm say which halves of the loop exist.
template <int kRows, bool kAdd, bool kNorm, bool kMasked, class T>
HWY_INLINE void runRows(const RowPipeline& pipeline) {
  const Floats d;
  const Doubles dd;
  const OneFloat one;
  const HalfFloats dh;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t half = static_cast<int64_t>(hn::Lanes(dd));
  // Local copies cannot alias the sum, so that they stay in registers.
  const T* added[kRows];
  const T* normed[kRows];
  float factors[kRows];
  hn::Vec<Doubles> low[kRows], high[kRows];
  for (int r = 0; r < kRows; ++r) {
    added[r] = kAdd ? static_cast<const T*>(pipeline.added[r]) : nullptr;
    factors[r] = kAdd ? pipeline.factors[r] : 0;
    normed[r] = kNorm ? static_cast<const T*>(pipeline.normed[r]) : nullptr;
    low[r] = high[r] = hn::Zero(dd);
  }
  float* HWY_RESTRICT sum = pipeline.sum;
  const uint8_t* HWY_RESTRICT kept = pipeline.kept;

  int64_t c = 0;
  for (; c + lanes <= pipeline.columns; c += lanes) {
    if (kAdd) {
      const auto mask = keptLanes<kMasked>(d, kept, c);
      auto total = hn::LoadU(d, sum + c);
      for (int r = 0; r < kRows; ++r) {
        total = hn::MulAdd(hn::Set(d, factors[r]), loadKept<kMasked>(d, mask, added[r] + c), total);
      }
      hn::StoreU(total, d, sum + c);
    }
    if (kNorm) {
      const auto maskLow = keptLanes<kMasked>(dh, kept, c), maskHigh = keptLanes<kMasked>(dh, kept, c + half);
      for (int r = 0; r < kRows; ++r) {
        hwy::Prefetch(normed[r] + c + kAhead);
        low[r] = addSquares(loadKept<kMasked>(dh, maskLow, normed[r] + c), low[r]);
        high[r] = addSquares(loadKept<kMasked>(dh, maskHigh, normed[r] + c + half), high[r]);
      }
    }
  }
  for (int r = 0; kNorm && r < kRows; ++r) {
    double total = hn::GetLane(hn::SumOfLanes(dd, hn::Add(low[r], high[r])));
    for (int64_t t = c; t < pipeline.columns; ++t) {
      if (kMasked && kept[t] == 0) continue;
      const double value = hn::GetLane(load(one, normed[r] + t));
      total += value * value;
    }
    pipeline.squaredNorms[r] = total;
  }
  for (; kAdd && c < pipeline.columns; ++c) {
    if (kMasked && kept[c] == 0) continue;
    auto total = hn::LoadU(one, sum + c);
    for (int r = 0; r < kRows; ++r) total = hn::MulAdd(hn::Set(one, factors[r]), load(one, added[r] + c), total);
    hn::StoreU(total, one, sum + c);
  }
}

template <int kRows, bool kMasked, class T>
void runHalves(const RowPipeline& pipeline) {
  if (pipeline.added == nullptr) return runRows<kRows, false, true, kMasked, T>(pipeline);
  if (pipeline.normed == nullptr) return runRows<kRows, true, false, kMasked, T>(pipeline);
  runRows<kRows, true, true, kMasked, T>(pipeline);
}

template <bool kMasked, class T>
void runNumber(const RowPipeline& pipeline) {
  switch (pipeline.rows) {
    case 1:
      return runHalves<1, kMasked, T>(pipeline);
    case 2:
      return runHalves<2, kMasked, T>(pipeline);
    case 4:
      return runHalves<4, kMasked, T>(pipeline);
    case 8:
      return runHalves<8, kMasked, T>(pipeline);
  }
}

template <bool kMasked>
void runType(const RowPipeline& pipeline) {
  switch (pipeline.type) {
    case RowType::float32:
      return runNumber<kMasked, float>(pipeline);
    case RowType::bfloat16:
      return runNumber<kMasked, hwy::bfloat16_t>(pipeline);
    case RowType::float16:
      return runNumber<kMasked, hwy::float16_t>(pipeline);
  }
}

void runPipeline(const RowPipeline& pipeline) {
  if (pipeline.kept == nullptr) return runType<false>(pipeline);
  runType<true>(pipeline);
}

// Bits alone: x may be of any type of that size.
template <class Bits>
HWY_INLINE void keepRow(int64_t columns, const uint8_t* HWY_RESTRICT kept, const Bits* x, Bits* y) {
  const hn::ScalableTag<Bits> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= columns; c += lanes) {
    const auto words = hn::PromoteTo(d, hn::LoadU(hn::Rebind<uint8_t, decltype(d)>(), kept + c));
    const auto values = hn::LoadU(d, x + c);
    hn::StoreU(hn::IfThenElseZero(hn::Ne(words, hn::Zero(d)), values), d, y + c);
  }
  for (; c < columns; ++c) y[c] = kept[c] ? x[c] : Bits{0};
}

void keepRows(int64_t rows, int64_t columns, RowType type, const uint8_t* kept, const void* x, void* y) {
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = r * columns;
    if (type == RowType::float32) {
      keepRow(columns, kept, static_cast<const uint32_t*>(x) + at, static_cast<uint32_t*>(y) + at);
    } else {
      keepRow(columns, kept, static_cast<const uint16_t*>(x) + at, static_cast<uint16_t*>(y) + at);
    }
  }
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(runPipeline);
HWY_EXPORT(keepRows);

constexpr int64_t kSumBytes = sizeof(float);
}  // namespace

int rowsAtOnce(int64_t columns, RowType type) {
  const int64_t room = machine().l2Bytes * 3 / 4;
  for (int rows = 4; rows >= 1; rows /= 2) {
    if (columns * (2 * rows * rowTypeBytes(type) + kSumBytes) <= room) return rows;
  }
  return kMostRowsAtOnce;
}

int rowsAGroup(int64_t columns, RowType type) {
  for (int64_t room : {machine().l2Bytes * 3 / 4, machine().l3Bytes / 2}) {
    for (int rows = kMostRowsAtOnce; rows >= 1; rows /= 2) {
      if (columns * (rows * rowTypeBytes(type) + kSumBytes) <= room) return rows;
    }
  }
  return kMostRowsAtOnce;
}

void addRowsAndTakeNorms(const RowPipeline& pipeline) {
  HWY_DYNAMIC_DISPATCH(runPipeline)(pipeline);
}

void keepColumns(int64_t rows, int64_t columns, RowType type, const uint8_t* kept, const void* x, void* y) {
  HWY_DYNAMIC_DISPATCH(keepRows)(rows, columns, type, kept, x, y);
}

}  // namespace hushgrad::cpu
#endif
