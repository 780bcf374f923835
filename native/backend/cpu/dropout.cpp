// Inverted dropout from Philox4x32-10 (Salmon et al. 2011): the same key and position give the same draw in both
// passes, on every machine and in whatever pieces the caller asks. Element e of a stream is word (e mod 64) / 16 of
// counter 16 · (e / 64) + e mod 16, so that a vector of counters yields vectors of neighbouring elements.
// Which units drop out is no secret and no noise of the guarantee; a statistical generator is enough.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/dropout.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>

#include "backend/cpu/loops-inl.h"
// clang-format on

#include <algorithm>
#include <cmath>

#include "backend/cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kBlock = 64;  // elements
constexpr int64_t kCounters = kBlock / 4;

#if HWY_TARGET == HWY_SCALAR

struct Product {
  uint32_t low, high;
};

HWY_INLINE Product multiply(uint32_t a, uint32_t factor) {
  const uint64_t product = uint64_t{factor} * a;
  return {static_cast<uint32_t>(product), static_cast<uint32_t>(product >> 32)};
}

using Words = uint32_t;
HWY_INLINE int64_t laneCount() {
  return 1;
}
HWY_INLINE Words set(uint32_t value) {
  return value;
}
HWY_INLINE Words iota(uint32_t first) {
  return first;
}
HWY_INLINE Words flip(Words a, Words b) {
  return a ^ b;
}
HWY_INLINE void store(Words value, uint32_t* to) {
  *to = value;
}

#else

using Tag = hn::CappedTag<uint32_t, kCounters>;
using Words = hn::Vec<Tag>;
HWY_INLINE int64_t laneCount() {
  return static_cast<int64_t>(hn::Lanes(Tag()));
}

struct Product {
  Words low, high;
};

// The wide products of even and odd lanes, put together again.
HWY_INLINE Product multiply(Words a, uint32_t factor) {
  const Tag d;
  const hn::RepartitionToWide<Tag> wide;
  const auto b = hn::Set(d, factor);
  const auto even = hn::MulEven(a, b);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), b);
  const auto low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
  return {low, hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)))};
}

HWY_INLINE Words set(uint32_t value) {
  return hn::Set(Tag(), value);
}
HWY_INLINE Words iota(uint32_t first) {
  return hn::Iota(Tag(), first);
}
HWY_INLINE Words flip(Words a, Words b) {
  return hn::Xor(a, b);
}
HWY_INLINE void store(Words value, uint32_t* to) {
  hn::StoreU(value, Tag(), to);
}

#endif

// The 64 words of one block, in element order.
HWY_INLINE void drawBlock(uint64_t key, uint64_t block, uint32_t* words) {
  const uint64_t first = block * kCounters;  // a multiple of 16: the low word does not carry within a block
  for (int64_t i = 0; i < kCounters; i += laneCount()) {
    Words c0 = iota(static_cast<uint32_t>(first) + static_cast<uint32_t>(i));
    Words c1 = set(static_cast<uint32_t>(first >> 32)), c2 = set(0), c3 = set(0);
    uint32_t key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u) {
      const Product p0 = multiply(c0, 0xD2511F53u), p1 = multiply(c2, 0xCD9E8D57u);
      c0 = flip(flip(p1.high, c1), set(key0));
      c2 = flip(flip(p0.high, c3), set(key1));
      c1 = p1.low;
      c3 = p0.low;
    }
    store(c0, words + i);
    store(c1, words + kCounters + i);
    store(c2, words + 2 * kCounters + i);
    store(c3, words + 3 * kCounters + i);
  }
}

// Dropped where word < dropped; a dropped element is 0 whatever it held.
void dropoutVector(uint64_t key, uint64_t position, uint32_t dropped, float scale, int64_t count, const float* x,
                   float* y) {
  constexpr uint32_t kSign = 0x80000000u;  // flips unsigned order into signed, which every machine compares
  alignas(64) uint32_t words[kBlock];
  for (int64_t done = 0; done < count;) {
    const uint64_t at = position + static_cast<uint64_t>(done);
    const int64_t offset = static_cast<int64_t>(at % kBlock);
    const int64_t width = std::min(kBlock - offset, count - done);
    drawBlock(key, at / kBlock, words);
    const float* from = x + done;
    float* to = y + done;
    forEachLane(static_cast<size_t>(width), [&](auto d, size_t i) HWY_ATTR {
      const hn::RebindToUnsigned<decltype(d)> du;
      const hn::RebindToSigned<decltype(d)> di;
      const auto word = hn::BitCast(di, hn::Xor(hn::LoadU(du, words + offset + i), hn::Set(du, kSign)));
      const auto drop = hn::Lt(word, hn::Set(di, static_cast<int32_t>(dropped ^ kSign)));
      const auto scaled = hn::Mul(hn::LoadU(d, from + i), hn::Set(d, scale));
      hn::StoreU(hn::IfThenZeroElse(hn::RebindMask(d, drop), scaled), d, to + i);
    });
    done += width;
  }
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(dropoutVector);
}  // namespace

void dropout(uint64_t key, uint64_t position, float rate, int64_t count, const float* x, float* y) {
  if (rate >= 1) {
    std::fill_n(y, count, 0.0f);
    return;
  }
  const double threshold = std::min(std::floor(static_cast<double>(rate) * 4294967296.0), 4294967295.0);
  HWY_DYNAMIC_DISPATCH(dropoutVector)
  (key, position, static_cast<uint32_t>(threshold), static_cast<float>(1.0 / (1.0 - rate)), count, x, y);
}

}  // namespace hushgrad::cpu
#endif
