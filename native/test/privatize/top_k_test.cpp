// Top-k against numpy (test/fixtures/top_k.py) and against sorting.
#include "privatize/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "backend/parallel.h"
#include "privatize/privatize.h"
#include "test/support/numbers.h"

namespace hushgrad {
namespace {

struct TopKCase {
  double keep;
  bool errorFeedback;
  std::vector<std::vector<float>> sent;  // by step
  std::vector<float> residual;           // after the last
};

#include "test/fixtures/top_k.inc"

// Adds `gradient` and takes what is sent, in ranges of 7 spread over the workers.
std::vector<float> send(TopK& topK, const std::vector<float>& gradient, int workers) {
  constexpr int64_t kRange = 7;
  const auto count = static_cast<int64_t>(gradient.size());
  std::vector<float> sent(gradient.size());
  topK.begin();
  inParallel(workers, [&](int worker) {
    for (int64_t first = kRange * worker; first < count; first += kRange * workers)
      topK.add(first, std::min(kRange, count - first), gradient.data() + first, worker);
  });
  topK.select();
  for (int64_t first = 0; first < count; first += kRange)
    topK.take(first, std::min(kRange, count - first), sent.data() + first);
  return sent;
}

std::vector<float> sorted(const std::vector<float>& values, int64_t k) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return std::abs(values[a]) > std::abs(values[b]); });
  std::vector<float> sent(values.size());
  for (int64_t i = 0; i < k; ++i) sent[order[static_cast<size_t>(i)]] = values[order[static_cast<size_t>(i)]];
  return sent;
}

TEST(TopK, SendsWhatNumpySends) {
  for (const TopKCase& one : cases) {
    for (int workers : {1, 3}) {
      const auto count = static_cast<int64_t>(gradients[0].size());
      std::vector<float> candidates(static_cast<size_t>(count + 11));  // padding takes no part
      TopK topK(sentOf({one.keep, false}, count), one.errorFeedback, candidates.data(), count + 11, workers);
      for (size_t s = 0; s < gradients.size(); ++s)
        ASSERT_EQ(send(topK, gradients[s], workers), one.sent[s]) << one.keep << ", step " << s;
      if (!one.errorFeedback) continue;
      candidates.resize(static_cast<size_t>(count));
      EXPECT_EQ(candidates, one.residual) << one.keep;
    }
  }
}

// Magnitudes from all over float32's range, equal ones among them: exactly k are sent, the largest, whatever the
// workers.
TEST(TopK, SendsExactlyTheLargestOfAnyFloats) {
  std::mt19937 random(4);
  for (int trial = 0; trial < 60; ++trial) {
    const int64_t count = 1 + static_cast<int64_t>(random() % (trial % 6 == 1 ? 20000 : 3000));
    const int64_t k = 1 + static_cast<int64_t>(random() % static_cast<uint32_t>(count));
    const double scale = std::pow(10.0, static_cast<int>(random() % 70) - 40);
    std::vector<float> values = normalFloats(count, static_cast<uint32_t>(trial), scale);
    if (trial % 2 == 1)
      for (float& value : values) value = static_cast<float>(std::round(value / scale * 4)) * 0.25f;
    const std::vector<float> want = sorted(values, k);
    for (int workers : {1, 2, 5}) {
      std::vector<float> candidates(values.size());
      TopK topK(k, false, candidates.data(), count, workers);
      ASSERT_EQ(send(topK, values, workers), want) << trial << ": " << k << " of " << count;
    }
  }
}

TEST(TopK, LosesNothingWithErrorFeedback) {
  const int64_t count = 500;
  std::vector<float> candidates(count);
  TopK topK(25, true, candidates.data(), count, 2);
  std::vector<double> given(count), sent(count);
  for (uint32_t step = 0; step < 40; ++step) {
    const std::vector<float> gradient = normalFloats(count, step);
    const std::vector<float> now = send(topK, gradient, 2);
    EXPECT_EQ(std::count_if(now.begin(), now.end(), [](float value) { return value != 0; }), 25);
    for (size_t i = 0; i < given.size(); ++i) {
      given[i] += gradient[i];
      sent[i] += now[i];
    }
  }
  for (size_t i = 0; i < given.size(); ++i) EXPECT_NEAR(sent[i] + candidates[i], given[i], 1e-4);
}

TEST(TopK, RefusesSharesThatKeepNothing) {
  for (double keep : {0.0, -0.1, 1.1, static_cast<double>(NAN)})
    EXPECT_THROW(sentOf({keep, false}, 10), std::invalid_argument) << keep;
  EXPECT_EQ(sentOf({1e-9, false}, 10), 1);
  EXPECT_EQ(sentOf({0.31, false}, 10), 4);
  EXPECT_EQ(sentOf({1, false}, 10), 10);
}

// Zeros too are marked, where there is nothing larger.
TEST(TopK, MarksExactlyTheLargest) {
  const std::vector<float> values{0, -3, 0, 2, 3, 0, -0.0f};
  const std::vector<std::vector<uint8_t>> want{{0, 1, 0, 0, 0, 0, 0}, {0, 1, 0, 0, 1, 0, 0}, {0, 1, 0, 1, 1, 0, 0},
                                               {1, 1, 0, 1, 1, 0, 0}, {1, 1, 1, 1, 1, 0, 0}, {1, 1, 1, 1, 1, 1, 0},
                                               {1, 1, 1, 1, 1, 1, 1}};
  for (size_t k = 1; k <= values.size(); ++k) {
    std::vector<uint8_t> marks(values.size(), 7);
    markLargest(values.data(), 7, static_cast<int64_t>(k), marks.data());
    EXPECT_EQ(marks, want[k - 1]) << k;
  }
}

// The two passes are the one pass but for what lies between them: with everything kept, the same bits.
TEST(TopK, WithEverythingKeptIsThePlainUpdate) {
  const int64_t count = 3 * 4 * GaussianNoise::kBlock + 5;
  GaussianNoise noise;
  noise.setKey({6});
  const auto optimizer = makeOptimizer({"adam", {}});
  const std::vector<float> sum = normalFloats(count, 1);
  const float* lanes[] = {sum.data()};
  std::vector<float> plain(sum.size()), parted(sum.size()), candidates(sum.size());
  std::vector<std::vector<float>> states(4, std::vector<float>(sum.size()));
  float* first[] = {states[0].data(), states[1].data()};
  float* second[] = {states[2].data(), states[3].data()};
  TopK topK(count, false, candidates.data(), count, 1);
  for (int64_t s = 1; s <= 2; ++s) {
    PrivatizeRange range{1, lanes, count, &noise, 2, static_cast<uint64_t>(s), 0, 8, plain.data(), first, 0};
    privatizeAndUpdate(range, *optimizer, {0.1, s});
    range.parameter = parted.data();
    range.state = second;
    topK.begin();
    privatizeInto(topK, 0, range);
    topK.select();
    updateFrom(topK, 0, range, *optimizer, {0.1, s});
  }
  EXPECT_EQ(parted, plain);
  EXPECT_EQ(states[2], states[0]);
  EXPECT_EQ(states[3], states[1]);
}

}  // namespace
}  // namespace hushgrad
