#include "privatize/top_k.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "backend/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "privatize/top_k.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/loops-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hushgrad {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::forEachLane;

// The bits without the sign, at least 0 as int32.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToSigned<D>> magnitudes(D d, const float* values) {
  return hn::BitCast(hn::RebindToSigned<D>(), hn::Abs(hn::LoadU(d, values)));
}

void addTo(int64_t count, const float* HWY_RESTRICT gradient, float* HWY_RESTRICT candidates) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, candidates + i), hn::LoadU(d, gradient + i)), d, candidates + i);
  });
}

// Counts the lower halves of magnitudes with that upper half: few, so that most vectors are passed by.
void countLowerHalves(const float* candidates, int64_t count, int32_t upper, uint32_t* counts) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    const auto found = hn::Eq(hn::ShiftRight<16>(magnitudes(d, candidates + i)), hn::Set(di, upper));
    if (hn::AllFalse(di, found)) return;
    for (size_t lane = i; lane < i + hn::Lanes(d); ++lane) {
      uint32_t bits;
      std::memcpy(&bits, candidates + lane, sizeof bits);
      if (static_cast<int32_t>((bits & 0x7fffffffu) >> 16) == upper) ++counts[bits & 0xffffu];
    }
  });
}

int64_t countEqual(const float* candidates, int64_t count, int32_t magnitude) {
  int64_t equal = 0;
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    equal += static_cast<int64_t>(hn::CountTrue(di, hn::Eq(magnitudes(d, candidates + i), hn::Set(di, magnitude))));
  });
  return equal;
}

// gradient: the candidates with a magnitude above `below`, 0 elsewhere.
void takeAbove(int32_t below, bool errorFeedback, int64_t count, float* HWY_RESTRICT candidates,
               float* HWY_RESTRICT gradient) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    const auto values = hn::LoadU(d, candidates + i);
    const auto sent = hn::RebindMask(d, hn::Gt(magnitudes(d, candidates + i), hn::Set(di, below)));
    hn::StoreU(hn::IfThenElseZero(sent, values), d, gradient + i);
    if (errorFeedback) hn::StoreU(hn::IfThenZeroElse(sent, values), d, candidates + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(addTo);
HWY_EXPORT(countLowerHalves);
HWY_EXPORT(countEqual);
HWY_EXPORT(takeAbove);

constexpr int32_t kMagnitude = 0x7fffffff;
constexpr int kHalf = 16;
constexpr size_t kBuckets = size_t{1} << kHalf;
constexpr int64_t kScan = 4096;

static int32_t magnitudeOf(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & kMagnitude;
}

int64_t sentOf(const TopKSpec& spec, int64_t count) {
  if (!(spec.keep > 0 && spec.keep <= 1)) {
    throw std::invalid_argument("top-k: keep must lie in (0, 1], not " + std::to_string(spec.keep));
  }
  return std::min(count, static_cast<int64_t>(std::ceil(spec.keep * static_cast<double>(count))));
}

TopK::TopK(int64_t k, bool errorFeedback, float* candidates, int64_t size, int workers)
    : errorFeedback(errorFeedback),
      k(k),
      size(size),
      candidates(candidates),
      counts(static_cast<size_t>(workers), Counts(kBuckets)) {}

void TopK::begin() {
  for (Counts& own : counts) std::fill(own.begin(), own.end(), 0u);
}

void TopK::add(int64_t first, int64_t count, const float* gradient, int worker) {
  float* candidate = candidates + first;
  if (errorFeedback) {
    HWY_DYNAMIC_DISPATCH(addTo)(count, gradient, candidate);
  } else {
    std::copy_n(gradient, count, candidate);
  }
  uint32_t* own = counts[static_cast<size_t>(worker)].data();
  for (int64_t i = 0; i < count; ++i) ++own[magnitudeOf(candidate[i]) >> kHalf];
}

void TopK::sumUp() {
  for (size_t worker = 1; worker < counts.size(); ++worker)
    for (size_t bucket = 0; bucket < kBuckets; ++bucket) counts[0][bucket] += counts[worker][bucket];
}

// The bucket that holds the rank-th largest; rank becomes its rank there.
int64_t TopK::bucketOf(int64_t& rank) const {
  int64_t bucket = kBuckets - 1;
  for (; counts[0][static_cast<size_t>(bucket)] < rank; --bucket) rank -= counts[0][static_cast<size_t>(bucket)];
  return bucket;
}

void TopK::countLower(int32_t upper) {
  begin();
  const int workers = static_cast<int>(counts.size());
  inParallel(workers, [&](int worker) {
    const int64_t first = size * worker / workers, last = size * (worker + 1) / workers;
    HWY_DYNAMIC_DISPATCH(countLowerHalves)
    (candidates + first, last - first, upper, counts[static_cast<size_t>(worker)].data());
  });
}

void TopK::select() {
  int64_t rank = k;
  sumUp();
  const auto upper = static_cast<int32_t>(bucketOf(rank));
  countLower(upper);
  sumUp();
  const auto lower = static_cast<int32_t>(bucketOf(rank));
  threshold = upper << kHalf | lower;
  cut = size;
  if (counts[0][static_cast<size_t>(lower)] > rank) findCut(rank);
}

// The first `ties` of those that equal the threshold lie below the cut.
void TopK::findCut(int64_t ties) {
  cut = 0;
  for (int64_t equal = 0; cut + kScan <= size; cut += kScan, ties -= equal) {
    equal = HWY_DYNAMIC_DISPATCH(countEqual)(candidates + cut, kScan, threshold);
    if (equal >= ties) break;
  }
  for (; ties > 0; ++cut) ties -= magnitudeOf(candidates[cut]) == threshold;
}

bool TopK::sends(int64_t index) const {
  const int32_t magnitude = magnitudeOf(candidates[index]);
  return magnitude > threshold || (magnitude == threshold && index < cut);
}

void TopK::take(int64_t first, int64_t count, float* gradient) {
  const int64_t below = std::clamp<int64_t>(cut - first, 0, count);
  HWY_DYNAMIC_DISPATCH(takeAbove)(threshold - 1, errorFeedback, below, candidates + first, gradient);
  HWY_DYNAMIC_DISPATCH(takeAbove)
  (threshold, errorFeedback, count - below, candidates + first + below, gradient + below);
}

void markLargest(const float* values, int64_t count, int64_t k, uint8_t* marks) {
  std::vector<float> candidates(values, values + count);
  TopK topK(k, false, candidates.data(), count, 1);
  topK.add(0, count, values, 0);
  topK.select();
  for (int64_t i = 0; i < count; ++i) marks[i] = topK.sends(i) ? 1 : 0;
}

}  // namespace hushgrad
#endif
