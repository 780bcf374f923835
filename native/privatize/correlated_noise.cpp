#include "privatize/correlated_noise.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "privatize/correlated_noise.cpp"
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

// values ← gain·values.
void scale(float gain, int64_t count, float* HWY_RESTRICT values) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::Set(d, gain), hn::LoadU(d, values + i)), d, values + i);
  });
}

// values ← values + weight·memory.
void addWeighted(float weight, const float* HWY_RESTRICT memory, int64_t count, float* HWY_RESTRICT values) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto sum = hn::MulAdd(hn::Set(d, weight), hn::LoadU(d, memory + i), hn::LoadU(d, values + i));
    hn::StoreU(sum, d, values + i);
  });
}

// values ← gain·values + weight·oldest, oldest ← values as they were.
void exchange(float gain, float weight, int64_t count, float* HWY_RESTRICT oldest, float* HWY_RESTRICT values) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto input = hn::LoadU(d, values + i);
    const auto weighted = hn::Mul(hn::Set(d, weight), hn::LoadU(d, oldest + i));
    hn::StoreU(input, d, oldest + i);
    hn::StoreU(hn::MulAdd(hn::Set(d, gain), input, weighted), d, values + i);
  });
}

// memory ← decay·memory + values.
void decay(float factor, const float* HWY_RESTRICT values, int64_t count, float* HWY_RESTRICT memory) {
  forEachLane(static_cast<size_t>(count), [&](auto d, size_t i) HWY_ATTR {
    const auto sum = hn::MulAdd(hn::Set(d, factor), hn::LoadU(d, memory + i), hn::LoadU(d, values + i));
    hn::StoreU(sum, d, memory + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad {
HWY_EXPORT(scale);
HWY_EXPORT(addWeighted);
HWY_EXPORT(exchange);
HWY_EXPORT(decay);

CorrelatedNoise::CorrelatedNoise(NoiseRecurrence given, int64_t samples)
    : recurrence(std::move(given)), perBuffer(samples) {
  const bool fits =
      recurrence.decays.empty() || (recurrence.decays.size() == recurrence.weights.size() && recurrence.storesOutput);
  if (!fits) throw std::invalid_argument("correlation: as many decays as weights are allowed, or none");
  memory = allocateFloats(buffers() * perBuffer);
}

CorrelatedNoise::~CorrelatedNoise() {
  forget();
}

void CorrelatedNoise::forget() {
  OPENSSL_cleanse(memory.get(), static_cast<size_t>(bytes()));
  latest = 0;
}

void CorrelatedNoise::correlate(uint64_t first, int64_t count, float* values) {
  const int last = buffers() - 1;
  auto at = [&](int index) { return buffer(index) + first; };
  auto weight = [&](int index) { return recurrence.weights[static_cast<size_t>(index)]; };
  const bool exchanges = !recurrence.storesOutput && last >= 0;
  if (exchanges)
    HWY_DYNAMIC_DISPATCH(exchange)(recurrence.gain, weight(last), count, at(last), values);
  else
    HWY_DYNAMIC_DISPATCH(scale)(recurrence.gain, count, values);
  const int terms = exchanges ? last : last + 1;
  for (int i = 0; i < terms; ++i) HWY_DYNAMIC_DISPATCH(addWeighted)(weight(i), at(i), count, values);
  for (int i = 0; decaying() && i <= last; ++i)
    HWY_DYNAMIC_DISPATCH(decay)(recurrence.decays[static_cast<size_t>(i)], values, count, at(i));
  if (!decaying() && recurrence.storesOutput && last >= 0) std::copy_n(values, count, at(last));
}

// The oldest buffer, just written, is the latest now.
void CorrelatedNoise::endStep() {
  if (!decaying() && buffers() > 0) latest = (latest + buffers() - 1) % buffers();
}

}  // namespace hushgrad
#endif
