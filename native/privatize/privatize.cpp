#include "privatize/privatize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
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

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(plainGradient);
HWY_EXPORT(noisyGradient);

// Long enough to spread an optimizer's set-up thin, short enough to stay in cache with sums, parameter and state.
constexpr int64_t kUpdateBlock = 4 * GaussianNoise::kBlock;
constexpr size_t kMostSlots = 8;

static void blockGradient(const PrivatizeRange& range, int64_t first, int64_t count, float* gradient) {
  const float scale = static_cast<float>(1 / range.normalizer);
  if (range.noise == nullptr || range.noiseDeviation == 0) {
    return HWY_DYNAMIC_DISPATCH(plainGradient)(range.lanes, range.sums, first, count, scale, gradient);
  }
  range.noise->fill(range.noiseStream, range.noiseFirst + static_cast<uint64_t>(first), count, gradient, range.worker);
  HWY_DYNAMIC_DISPATCH(noisyGradient)
  (range.lanes, range.sums, first, count, deviationAtLeast(range.noiseDeviation), scale, gradient);
}

void privatizeAndUpdate(const PrivatizeRange& range, const Optimizer& optimizer, const OptimizerStep& step) {
  const size_t slots = static_cast<size_t>(optimizer.slots());
  if (slots > kMostSlots) throw std::logic_error("an optimizer with more than 8 state buffers");
  if (range.lanes < 1) throw std::logic_error("an update needs at least one accumulator");
  alignas(64) std::array<float, kUpdateBlock> gradient;
  std::array<float*, kMostSlots> state{};
  for (int64_t first = 0; first < range.count; first += kUpdateBlock) {
    const int64_t count = std::min(kUpdateBlock, range.count - first);
    for (size_t slot = 0; slot < slots; ++slot) state[slot] = range.state[slot] + first;
    blockGradient(range, first, count, gradient.data());
    optimizer.update(step, count, gradient.data(), range.parameter + first, state.data());
  }
}

}  // namespace hushgrad
#endif
