#include "privatize/privatize.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "privatize/privatize.cpp"
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

// total[i] = Σ_l sums[l][first + i], the lanes added in order.
template <class D>
HWY_INLINE hn::Vec<D> laneTotal(D d, int lanes, const float* const* sums, int64_t first) {
  auto total = hn::LoadU(d, sums[0] + first);
  for (int lane = 1; lane < lanes; ++lane) total = hn::Add(total, hn::LoadU(d, sums[lane] + first));
  return total;
}

void plainGradient(int lanes, const float* const* sums, int64_t first, int64_t count, float scale,
                   float* HWY_RESTRICT gradient) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(laneTotal(d, lanes, sums, first + i), hn::Set(d, scale)), d, gradient + i);
  });
}

// gradient holds standard normals on entry.
void noisyGradient(int lanes, const float* const* sums, int64_t first, int64_t count, float deviation, float scale,
                   float* HWY_RESTRICT gradient) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto total = laneTotal(d, lanes, sums, first + i);
    const auto noisy = hn::MulAdd(hn::LoadU(d, gradient + i), hn::Set(d, deviation), total);
    hn::StoreU(hn::Mul(noisy, hn::Set(d, scale)), d, gradient + i);
  });
}

// What does not take part becomes 0 by selection: a sum may hold anything there.
void selectKept(const uint8_t* mask, int64_t count, float* HWY_RESTRICT gradient) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto kept = cpu::HWY_NAMESPACE::maskAt(d, mask, static_cast<int64_t>(i));
    hn::StoreU(hn::IfThenElseZero(kept, hn::LoadU(d, gradient + i)), d, gradient + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(plainGradient);
HWY_EXPORT(noisyGradient);
HWY_EXPORT(selectKept);

// Long enough to spread an optimizer's set-up thin, short enough to stay in cache with sums, parameter and state.
constexpr int64_t kUpdateBlock = 4 * GaussianNoise::kBlock;
constexpr size_t kMostSlots = 8;

// Below this share of kept coordinates, spreading samples costs less than drawing those that would be dropped.
constexpr int64_t kFew = 8;

static int64_t countBits(const uint8_t* mask, int64_t count) {
  int64_t bits = 0;
  for (int64_t i = 0; i < count; i += 64) {
    uint64_t word;
    std::memcpy(&word, mask + i / 8, sizeof word);
    if (count - i < 64) word &= (uint64_t{1} << (count - i)) - 1;
    bits += __builtin_popcountll(word);
  }
  return bits;
}

// The first `kept` floats to the places of the mask's bits. Backwards, for none moves to the left.
static void spread(const uint8_t* mask, int64_t count, int64_t kept, float* values) {
  for (int64_t byte = (count - 1) / 8; kept > 0; --byte) {
    for (unsigned bits = mask[byte]; bits != 0;) {
      const int bit = 31 - __builtin_clz(bits);
      bits ^= 1u << bit;
      if (8 * byte + bit < count) values[8 * byte + bit] = values[--kept];
    }
  }
}

static void correlatedNoise(const PrivatizeRange& range, int64_t first, int64_t count, float* out) {
  const uint64_t sample = range.noiseFirst + static_cast<uint64_t>(first);
  range.noise->fill(range.noiseStream, sample, count, out, range.worker);
  range.correlation->correlate(sample, count, out);
}

// Standard normals where the mask has its bits, anything elsewhere. Few kept coordinates take the block's first samples
// one after the other, so that no others need be drawn.
static void blockNoise(const PrivatizeRange& range, int64_t first, int64_t count, const uint8_t* mask, float* out) {
  if (range.correlation != nullptr) return correlatedNoise(range, first, count, out);
  const int64_t kept = mask == nullptr ? count : countBits(mask, count);
  const bool few = kept <= count / kFew;
  if (kept == 0) return;
  range.noise->fill(range.noiseStream, range.noiseFirst + static_cast<uint64_t>(first), few ? kept : count, out,
                    range.worker);
  if (few) spread(mask, count, kept, out);
}

static const uint8_t* blockMask(const PrivatizeRange& range, int64_t first) {
  return range.mask == nullptr ? nullptr : range.mask + first / 8;
}

static void blockGradient(const PrivatizeRange& range, int64_t first, int64_t count, float* gradient) {
  const float scale = static_cast<float>(1 / range.normalizer);
  const uint8_t* mask = blockMask(range, first);
  if (range.noise == nullptr || range.noiseDeviation == 0) {
    HWY_DYNAMIC_DISPATCH(plainGradient)(range.lanes, range.sums, first, count, scale, gradient);
  } else {
    blockNoise(range, first, count, mask, gradient);
    HWY_DYNAMIC_DISPATCH(noisyGradient)
    (range.lanes, range.sums, first, count, deviationAtLeast(range.noiseDeviation), scale, gradient);
  }
  if (mask != nullptr) HWY_DYNAMIC_DISPATCH(selectKept)(mask, count, gradient);
}

// work(first, count, gradient) for every block; `gradient` is room for one.
template <class Work>
static void forEachBlock(const PrivatizeRange& range, const Work& work) {
  alignas(64) std::array<float, kUpdateBlock> gradient;
  for (int64_t first = 0; first < range.count; first += kUpdateBlock)
    work(first, std::min(kUpdateBlock, range.count - first), gradient.data());
}

static void updateBlock(const PrivatizeRange& range, int64_t first, int64_t count, const float* gradient,
                        const Optimizer& optimizer, const OptimizerStep& step) {
  const size_t slots = static_cast<size_t>(optimizer.slots());
  if (slots > kMostSlots) throw std::logic_error("an optimizer with more than 8 state buffers");
  std::array<float*, kMostSlots> state{};
  for (size_t slot = 0; slot < slots; ++slot) state[slot] = range.state[slot] + first;
  optimizer.update(step, {count, gradient, range.parameter + first, state.data(), blockMask(range, first)});
}

void privatizeAndUpdate(const PrivatizeRange& range, const Optimizer& optimizer, const OptimizerStep& step) {
  if (range.lanes < 1) throw std::logic_error("an update needs at least one accumulator");
  forEachBlock(range, [&](int64_t first, int64_t count, float* gradient) {
    blockGradient(range, first, count, gradient);
    updateBlock(range, first, count, gradient, optimizer, step);
  });
}

void redrawNoise(const PrivatizeRange& range) {
  forEachBlock(range, [&](int64_t first, int64_t count, float* noise) { correlatedNoise(range, first, count, noise); });
}

void privatizeInto(TopK& topK, int64_t start, const PrivatizeRange& range) {
  if (range.lanes < 1) throw std::logic_error("an update needs at least one accumulator");
  forEachBlock(range, [&](int64_t first, int64_t count, float* gradient) {
    blockGradient(range, first, count, gradient);
    topK.add(start + first, count, gradient, range.worker);
  });
}

void updateFrom(TopK& topK, int64_t start, const PrivatizeRange& range, const Optimizer& optimizer,
                const OptimizerStep& step) {
  forEachBlock(range, [&](int64_t first, int64_t count, float* gradient) {
    topK.take(start + first, count, gradient);
    updateBlock(range, first, count, gradient, optimizer, step);
  });
}

}  // namespace hushgrad
#endif
