#include "privatize/top_k.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "backend/parallel.h"

namespace hushgrad {

constexpr uint32_t kMagnitude = 0x7fffffff;
constexpr int kHalf = 16;
constexpr size_t kBuckets = size_t{1} << kHalf;

static uint32_t magnitudeOf(float value) {
  uint32_t bits;
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
    for (int64_t i = 0; i < count; ++i) candidate[i] += gradient[i];
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

void TopK::countLower(uint32_t upper) {
  begin();
  const int workers = static_cast<int>(counts.size());
  inParallel(workers, [&](int worker) {
    uint32_t* own = counts[static_cast<size_t>(worker)].data();
    for (int64_t i = size * worker / workers; i < size * (worker + 1) / workers; ++i) {
      const uint32_t magnitude = magnitudeOf(candidates[i]);
      if (magnitude >> kHalf == upper) ++own[magnitude & (kBuckets - 1)];
    }
  });
}

void TopK::select() {
  int64_t rank = k;
  sumUp();
  const auto upper = static_cast<uint32_t>(bucketOf(rank));
  countLower(upper);
  sumUp();
  const auto lower = static_cast<uint32_t>(bucketOf(rank));
  threshold = upper << kHalf | lower;
  cut = size;
  if (counts[0][lower] > rank) findCut(rank);
}

// The first `ties` of those that equal the threshold lie below the cut.
void TopK::findCut(int64_t ties) {
  for (cut = 0; ties > 0; ++cut) ties -= magnitudeOf(candidates[cut]) == threshold;
}

static void takeFrom(uint32_t least, bool errorFeedback, int64_t count, float* candidates, float* gradient) {
  for (int64_t i = 0; i < count; ++i) gradient[i] = magnitudeOf(candidates[i]) >= least ? candidates[i] : 0.0f;
  for (int64_t i = 0; errorFeedback && i < count; ++i)
    candidates[i] = magnitudeOf(candidates[i]) >= least ? 0.0f : candidates[i];
}

bool TopK::sends(int64_t index) const {
  const uint32_t magnitude = magnitudeOf(candidates[index]);
  return magnitude > threshold || (magnitude == threshold && index < cut);
}

void TopK::take(int64_t first, int64_t count, float* gradient) {
  const int64_t below = std::clamp<int64_t>(cut - first, 0, count);
  takeFrom(threshold, errorFeedback, below, candidates + first, gradient);
  takeFrom(threshold + 1, errorFeedback, count - below, candidates + first + below, gradient + below);
}

void markLargest(const float* values, int64_t count, int64_t k, uint8_t* marks) {
  std::vector<float> candidates(values, values + count);
  TopK topK(k, false, candidates.data(), count, 1);
  topK.add(0, count, values, 0);
  topK.select();
  for (int64_t i = 0; i < count; ++i) marks[i] = topK.sends(i) ? 1 : 0;
}

}  // namespace hushgrad
