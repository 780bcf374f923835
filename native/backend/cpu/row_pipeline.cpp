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

// Measured: 1 KB ahead bridges the starts of pages, where the hardware's own prefetching pauses; 4 KB is no better.
constexpr int64_t kAhead = 256;

HWY_INLINE hn::Vec<Doubles> addSquares(const float* x, hn::Vec<Doubles> sum) {
  const auto values = hn::PromoteTo(Doubles(), hn::LoadU(HalfFloats(), x));
  return hn::MulAdd(values, values, sum);
}

// kAdd and kNorm say which halves of the loop exist.
template <int kRows, bool kAdd, bool kNorm>
HWY_INLINE void runRows(const RowPipeline& pipeline) {
  const Floats d;
  const Doubles dd;
  const OneFloat one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t half = static_cast<int64_t>(hn::Lanes(dd));
  // Local copies cannot alias the sum, so that they stay in registers.
  const float* added[kRows];
  const float* normed[kRows];
  float factors[kRows];
  hn::Vec<Doubles> low[kRows], high[kRows];
  for (int r = 0; r < kRows; ++r) {
    added[r] = kAdd ? pipeline.added[r] : nullptr;
    factors[r] = kAdd ? pipeline.factors[r] : 0;
    normed[r] = kNorm ? pipeline.normed[r] : nullptr;
    low[r] = high[r] = hn::Zero(dd);
  }
  float* HWY_RESTRICT sum = pipeline.sum;

  int64_t c = 0;
  for (; c + lanes <= pipeline.columns; c += lanes) {
    if (kAdd) {
      auto total = hn::LoadU(d, sum + c);
      for (int r = 0; r < kRows; ++r) {
        hwy::Prefetch(added[r] + c + kAhead);
        total = hn::MulAdd(hn::Set(d, factors[r]), hn::LoadU(d, added[r] + c), total);
      }
      hwy::Prefetch(sum + c + kAhead);
      hn::StoreU(total, d, sum + c);
    }
    if (kNorm) {
      for (int r = 0; r < kRows; ++r) {
        hwy::Prefetch(normed[r] + c + kAhead);
        low[r] = addSquares(normed[r] + c, low[r]);
        high[r] = addSquares(normed[r] + c + half, high[r]);
      }
    }
  }
  for (int r = 0; kNorm && r < kRows; ++r) {
    double total = hn::GetLane(hn::SumOfLanes(dd, hn::Add(low[r], high[r])));
    for (int64_t t = c; t < pipeline.columns; ++t) total += static_cast<double>(normed[r][t]) * normed[r][t];
    pipeline.squaredNorms[r] = total;
  }
  for (; kAdd && c < pipeline.columns; ++c) {
    auto total = hn::LoadU(one, sum + c);
    for (int r = 0; r < kRows; ++r) {
      total = hn::MulAdd(hn::Set(one, factors[r]), hn::LoadU(one, added[r] + c), total);
    }
    hn::StoreU(total, one, sum + c);
  }
}

template <int kRows>
void runHalves(const RowPipeline& pipeline) {
  if (pipeline.added == nullptr) return runRows<kRows, false, true>(pipeline);
  if (pipeline.normed == nullptr) return runRows<kRows, true, false>(pipeline);
  runRows<kRows, true, true>(pipeline);
}

void runPipeline(const RowPipeline& pipeline) {
  switch (pipeline.rows) {
    case 1:
      return runHalves<1>(pipeline);
    case 2:
      return runHalves<2>(pipeline);
    case 4:
      return runHalves<4>(pipeline);
    case 8:
      return runHalves<8>(pipeline);
  }
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(runPipeline);
}  // namespace

// A call's rows, the next call's and the sum should fit in three quarters of the second-level cache. Where not even two
// rows do, the second read comes from beyond it anyway, and sharing the passes over the sum counts most.
int rowsAtOnce(int64_t columns) {
  const int64_t room = machine().l2Bytes * 3 / 4;
  const int64_t rowBytes = columns * static_cast<int64_t>(sizeof(float));
  for (int rows = 4; rows >= 1; rows /= 2) {
    if ((2 * rows + 1) * rowBytes <= room) return rows;
  }
  return kMostRowsAtOnce;
}

void addRowsAndTakeNorms(const RowPipeline& pipeline) {
  HWY_DYNAMIC_DISPATCH(runPipeline)(pipeline);
}

}  // namespace hushgrad::cpu
#endif
