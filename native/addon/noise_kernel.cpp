#include "addon/noise_kernel.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "privatize/gaussian_block.h"
#include "privatize/keystream.h"

namespace hushgrad {

constexpr NoiseKey kKey{1, 2, 3};
constexpr int64_t kInCache = 4 * GaussianNoise::kBlock;

// A block's random words as noise.cpp lays them out.
constexpr int64_t kAngles = kGaussianPairs, kLows = 2 * kGaussianPairs, kLowWords = 16;
constexpr int64_t kWords = kLows + kLowWords;

static double radiusOf(uint32_t high, uint32_t low) {
  const uint64_t word = static_cast<uint64_t>(high) << 32 | low;
  const bool upper = word >> 63;
  const double distance = (static_cast<double>(upper ? ~word : word) + 0.5) * 0x1p-64;
  return std::sqrt(-2 * (upper ? std::log1p(-distance) : std::log(distance)));
}

// gaussian_block.cpp says what the bits of an angle mean.
static double angleOf(uint32_t word) {
  constexpr double kPi = 3.14159265358979323846;
  const double within = static_cast<int32_t>((word << 2) | 2u) * 0x1p-31 * kPi / 4;
  const double turned = word >> 30 & 1 ? kPi / 2 - within : within;
  return word >> 31 ? turned + kPi : turned;
}

// Blocks that need more low words than they have, one in a million, are not among the first few.
static void naiveBlock(uint64_t block, float* out) {
  std::array<uint32_t, kWords> words;
  keystream(kKey, block * (sizeof words / 16), reinterpret_cast<uint8_t*>(words.data()), sizeof words);
  int64_t low = kLows;
  for (int64_t p = 0; p < kGaussianPairs; ++p) {
    const uint32_t high = words[p];
    const bool tail = (high >> 31 ? ~high : high) < 1u << 24;
    const double radius = radiusOf(high, tail ? words[std::min(low, kWords - 1)] : 1u << 31);
    low += tail;
    const double angle = angleOf(words[kAngles + p]);
    out[p] = static_cast<float>(radius * std::cos(angle));
    out[kGaussianPairs + p] = static_cast<float>(radius * std::sin(angle));
  }
}

NoiseKernel::NoiseKernel(int threads, bool naive) : naive(naive) {
  noise.reserveWorkers(threads);
  noise.setKey(kKey);
}

void NoiseKernel::fill(int64_t first, int64_t count, float* out, int thread) const {
  if (!naive) return noise.fill(0, static_cast<uint64_t>(first), count, out, thread);
  for (int64_t i = 0; i < count; i += GaussianNoise::kBlock)
    naiveBlock(static_cast<uint64_t>((first + i) / GaussianNoise::kBlock), out + i);
}

void NoiseKernel::draw(int64_t count, int thread) const {
  alignas(64) std::array<float, kInCache> samples;
  for (int64_t first = 0; first < count; first += kInCache) fill(first, kInCache, samples.data(), thread);
}

}  // namespace hushgrad
