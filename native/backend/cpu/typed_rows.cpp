#include "backend/cpu/typed_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/typed_rows.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>

#include "backend/cpu/loops-inl.h"
#include "backend/cpu/squares-inl.h"
// clang-format on

#include <type_traits>

#include "backend/cpu/machine.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace {

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

// Rows side by side are as many streams from memory, and one reads on where another waits at the start of a page.
// (Prefetches by hand, 1 to 8 KB ahead, measured slower beside that.)
template <bool kMasked, int kRows, class T>
void takeSomeNorms(const TypedRows& rows, double* squaredNorms) {
  const T* x[kRows];
  for (int r = 0; r < kRows; ++r) x[r] = static_cast<const T*>(rows.x[r]);
  const uint8_t* kept = rows.kept;
  squaresFromAbove<kRows, 2>(
      rows.columns,
      [x, kept](auto d, int r, int64_t c)
          HWY_ATTR { return loadKept<kMasked>(d, keptLanes<kMasked>(d, kept, c), x[r] + c); },
      squaredNorms);
}

template <bool kMasked, int kRows, class D, class T>
HWY_INLINE void addLanes(D d, int64_t c, const T* const (&x)[kRows], const float (&factors)[kRows], const uint8_t* kept,
                         float* HWY_RESTRICT sum) {
  const auto mask = keptLanes<kMasked>(d, kept, c);
  auto total = hn::LoadU(d, sum + c);
  for (int r = 0; r < kRows; ++r)
    total = hn::MulAdd(hn::Set(d, factors[r]), loadKept<kMasked>(d, mask, x[r] + c), total);
  hn::StoreU(total, d, sum + c);
}

template <bool kMasked, int kRows, class T>
void addSomeRows(const TypedRows& rows, const float* factors, float* HWY_RESTRICT sum) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  // Local copies cannot alias the sum, so that they stay in registers.
  const T* x[kRows];
  float own[kRows];
  for (int r = 0; r < kRows; ++r) {
    x[r] = static_cast<const T*>(rows.x[r]);
    own[r] = factors[r];
  }
  const uint8_t* kept = rows.kept;
  const int64_t columns = rows.columns, lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= columns; c += lanes) addLanes<kMasked, kRows>(d, c, x, own, kept, sum);
  for (; c < columns; ++c) addLanes<kMasked, kRows>(one, c, x, own, kept, sum);
}

template <int kRows>
using Rows = std::integral_constant<int, kRows>;

// work(masked, rows, element): a truth and a number known to the compiler, and a value of the elements' type.
template <class Work>
void dispatch(const TypedRows& group, const Work& work) {
  const auto typed = [&](auto masked, auto rows) {
    switch (group.type) {
      case RowType::float32:
        return work(masked, rows, float{});
      case RowType::bfloat16:
        return work(masked, rows, hwy::bfloat16_t{});
      case RowType::float16:
        return work(masked, rows, hwy::float16_t{});
    }
  };
  const auto counted = [&](auto masked) {
    switch (group.rows) {
      case 1:
        return typed(masked, Rows<1>());
      case 2:
        return typed(masked, Rows<2>());
      case 4:
        return typed(masked, Rows<4>());
    }
  };
  if (group.kept == nullptr) return counted(std::false_type());
  counted(std::true_type());
}

void takeNorms(const TypedRows& group, double* squaredNorms) {
  dispatch(group, [&](auto masked, auto rows, auto element) {
    takeSomeNorms<decltype(masked)::value, decltype(rows)::value, decltype(element)>(group, squaredNorms);
  });
}

void addWeighted(const TypedRows& group, const float* factors, float* sum) {
  dispatch(group, [&](auto masked, auto rows, auto element) {
    addSomeRows<decltype(masked)::value, decltype(rows)::value, decltype(element)>(group, factors, sum);
  });
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
HWY_EXPORT(takeNorms);
HWY_EXPORT(addWeighted);
HWY_EXPORT(keepRows);

constexpr int64_t kSumBytes = sizeof(float);
}  // namespace

int rowsAGroup(int64_t columns, RowType type) {
  for (int64_t room : {machine().l2Bytes * 3 / 4, machine().l3Bytes / 2}) {
    for (int rows = kMostRowsAtOnce; rows >= 1; rows /= 2) {
      if (columns * (rows * rowTypeBytes(type) + kSumBytes) <= room) return rows;
    }
  }
  return kMostRowsAtOnce;
}

void takeSquaredNorms(const TypedRows& rows, double* squaredNorms) {
  HWY_DYNAMIC_DISPATCH(takeNorms)(rows, squaredNorms);
}

void addTypedRows(const TypedRows& rows, const float* factors, float* sum) {
  HWY_DYNAMIC_DISPATCH(addWeighted)(rows, factors, sum);
}

void keepColumns(int64_t rows, int64_t columns, RowType type, const uint8_t* kept, const void* x, void* y) {
  HWY_DYNAMIC_DISPATCH(keepRows)(rows, columns, type, kept, x, y);
}

}  // namespace hushgrad::cpu
#endif
