// GroupNorm and LayerNorm, each example on its own. Everything is built of per-channel moments over positions (the
// channels of one vector side by side), merged into groups in float64 by the parallel-variance formula (Chan, Golub
// and LeVeque 1979). A LayerNorm row is one group whose elements lie in one run, with the weights along the run.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/normalization.cpp"
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

using Normalization = Backend::Normalization;

constexpr int64_t kRun = 64;           // positions added up in float32 before they join a float64 sum
constexpr size_t kMostLanes = 16;      // channels handled side by side
constexpr int64_t kGroupsAtOnce = 64;  // whose sums are kept on the stack

using Float = hn::CappedTag<float, kMostLanes>;

// forEachLane for at most kMostLanes lanes.
template <class Body>
HWY_INLINE void forEachChannel(int64_t first, int64_t end, const Body& body) {
  const Float whole;
  const hn::CappedTag<float, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(whole));
  for (; first + lanes <= end; first += lanes) body(whole, first);
  for (; first < end; ++first) body(one, first);
}

// Sums of two terms over positions, for the channels of one vector.
struct ChannelSums {
  double first[kMostLanes] = {}, second[kMostLanes] = {};
};

// terms(d, position) returns the two vectors to add.
template <class D, class Terms>
HWY_INLINE void addOverPositions(D d, int64_t positions, const Terms& terms, ChannelSums& sums) {
  alignas(64) float parts[2 * kMostLanes];
  for (int64_t begin = 0; begin < positions; begin += kRun) {
    const int64_t end = std::min(begin + kRun, positions);
    auto first = hn::Zero(d), second = hn::Zero(d);
    for (int64_t p = begin; p < end; ++p) terms(d, p, first, second);
    hn::StoreU(first, d, parts);
    hn::StoreU(second, d, parts + kMostLanes);
    for (size_t lane = 0; lane < hn::Lanes(d); ++lane) {
      sums.first[lane] += parts[lane];
      sums.second[lane] += parts[kMostLanes + lane];
    }
  }
}

// Count, mean and sum of squared deviations of what has been merged so far.
struct Moments {
  double count = 0, mean = 0, squares = 0;

  void merge(double otherCount, double otherMean, double otherSquares) {
    const double total = count + otherCount, delta = otherMean - mean;
    mean += delta * otherCount / total;
    squares += otherSquares + delta * delta * count * otherCount / total;
    count = total;
  }
};

void writeStatistics(const Moments& moments, float epsilon, float* mean, float* inverse) {
  *mean = static_cast<float>(moments.mean);
  *inverse = static_cast<float>(1 / std::sqrt(moments.squares / moments.count + epsilon));
}

// ---- Groups of channels over positions

// Mean and inverse deviation of each group of one example. Two passes over the data, which lies in cache: exact means
// first, so that large means cost no accuracy.
void groupStatistics(const Normalization& n, const float* x, float* stats) {
  const int64_t groupChannels = n.channels / n.groups;
  Moments moments;
  forEachChannel(0, n.channels, [&](auto d, int64_t c) HWY_ATTR {
    ChannelSums sums, squares;
    addOverPositions(
        d, n.positions,
        [&](auto tag, int64_t p, auto& first, auto&)
            HWY_ATTR { first = hn::Add(first, hn::LoadU(tag, x + p * n.channels + c)); },
        sums);
    alignas(64) float means[kMostLanes];
    for (size_t lane = 0; lane < hn::Lanes(d); ++lane)
      means[lane] = static_cast<float>(sums.first[lane] / static_cast<double>(n.positions));
    const auto mean = hn::LoadU(d, means);
    addOverPositions(
        d, n.positions,
        [&](auto tag, int64_t p, auto& first, auto& second) HWY_ATTR {
          const auto deviation = hn::Sub(hn::LoadU(tag, x + p * n.channels + c), mean);
          first = hn::MulAdd(deviation, deviation, first);
          second = hn::Add(second, deviation);
        },
        squares);
    for (size_t lane = 0; lane < hn::Lanes(d); ++lane) {
      // The mean was rounded to float32; the deviations' own mean corrects both moments.
      const double count = static_cast<double>(n.positions), shift = squares.second[lane] / count;
      moments.merge(count, means[lane] + shift, squares.first[lane] - count * shift * shift);
      const int64_t done = c + static_cast<int64_t>(lane) + 1;
      if (done % groupChannels != 0) continue;
      const int64_t group = done / groupChannels - 1;
      writeStatistics(moments, n.epsilon, stats + group, stats + n.groups + group);
      moments = Moments();
    }
  });
}

// A vector's worth of per-group numbers spread over its channels.
template <class D>
HWY_INLINE hn::Vec<D> spread(D d, const float* ofGroup, int64_t groupChannels, int64_t channel) {
  alignas(64) float values[kMostLanes];
  for (size_t lane = 0; lane < hn::Lanes(d); ++lane)
    values[lane] = ofGroup[(channel + static_cast<int64_t>(lane)) / groupChannels];
  return hn::LoadU(d, values);
}

void normalizeGroups(const Normalization& n, const float* x, const float* weight, const float* bias, float* y,
                     float* stats) {
  const int64_t groupChannels = n.channels / n.groups;
  groupStatistics(n, x, stats);
  forEachChannel(0, n.channels, [&](auto d, int64_t c) HWY_ATTR {
    const auto mean = spread(d, stats, groupChannels, c);
    auto scale = spread(d, stats + n.groups, groupChannels, c);
    if (weight) scale = hn::Mul(scale, hn::LoadU(d, weight + c));
    const auto shift = bias ? hn::LoadU(d, bias + c) : hn::Zero(d);
    for (int64_t p = 0; p < n.positions; ++p) {
      const int64_t at = p * n.channels + c;
      hn::StoreU(hn::MulAdd(hn::Sub(hn::LoadU(d, x + at), mean), scale, shift), d, y + at);
    }
  });
}

// Σ_p dy and Σ_p dy · x̂ for the channels of one vector: the gradients of bias and weight.
template <class D>
HWY_INLINE void gradientSums(D d, const Normalization& n, const float* x, const float* stats, const float* dy,
                             int64_t c, ChannelSums& sums) {
  const int64_t groupChannels = n.channels / n.groups;
  const auto mean = spread(d, stats, groupChannels, c), inverse = spread(d, stats + n.groups, groupChannels, c);
  addOverPositions(
      d, n.positions,
      [&](auto tag, int64_t p, auto& first, auto& second) HWY_ATTR {
        const int64_t at = p * n.channels + c;
        const auto gradient = hn::LoadU(tag, dy + at);
        const auto normal = hn::Mul(hn::Sub(hn::LoadU(tag, x + at), mean), inverse);
        first = hn::Add(first, gradient);
        second = hn::MulAdd(gradient, normal, second);
      },
      sums);
}

// dx = (dy·w − mean(dy·w) − x̂ · mean(dy·w·x̂)) / deviation, the means over the group.
void groupGradient(const Normalization& n, int64_t firstGroup, int64_t groups, const float* x, const float* stats,
                   const float* weight, const float* dy, float* dx) {
  const int64_t groupChannels = n.channels / n.groups;
  const int64_t begin = firstGroup * groupChannels, end = begin + groups * groupChannels;
  double sums[kGroupsAtOnce] = {}, products[kGroupsAtOnce] = {};
  forEachChannel(begin, end, [&](auto d, int64_t c) HWY_ATTR {
    ChannelSums channel;
    gradientSums(d, n, x, stats, dy, c, channel);
    for (size_t lane = 0; lane < hn::Lanes(d); ++lane) {
      const int64_t at = c + static_cast<int64_t>(lane), group = at / groupChannels - firstGroup;
      const double w = weight ? weight[at] : 1;
      sums[group] += w * channel.first[lane];
      products[group] += w * channel.second[lane];
    }
  });
  float means[kGroupsAtOnce], correlations[kGroupsAtOnce];
  const double elements = static_cast<double>(groupChannels * n.positions);
  for (int64_t group = 0; group < groups; ++group) {
    means[group] = static_cast<float>(sums[group] / elements);
    correlations[group] = static_cast<float>(products[group] / elements);
  }
  forEachChannel(begin, end, [&](auto d, int64_t c) HWY_ATTR {
    const auto mean = spread(d, stats, groupChannels, c), inverse = spread(d, stats + n.groups, groupChannels, c);
    const auto gradientMean = spread(d, means, groupChannels, c - begin);
    const auto correlation = spread(d, correlations, groupChannels, c - begin);
    const auto w = weight ? hn::LoadU(d, weight + c) : hn::Set(d, 1.0f);
    for (int64_t p = 0; p < n.positions; ++p) {
      const int64_t at = p * n.channels + c;
      const auto normal = hn::Mul(hn::Sub(hn::LoadU(d, x + at), mean), inverse);
      const auto centered = hn::MulSub(hn::LoadU(d, dy + at), w, gradientMean);
      hn::StoreU(hn::Mul(inverse, hn::NegMulAdd(normal, correlation, centered)), d, dx + at);
    }
  });
}

// ---- Rows: one group in one run of `length` elements

template <class Terms>
HWY_INLINE void addOverRow(int64_t length, const Terms& terms, double& first, double& second) {
  const Float whole;
  const hn::CappedTag<float, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(whole));
  first = second = 0;
  int64_t i = 0;
  while (i + lanes <= length) {
    const int64_t end = std::min(length, i + kRun * lanes);
    auto a0 = hn::Zero(whole), b0 = a0, a1 = a0, b1 = a0;
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      terms(whole, i, a0, b0);
      terms(whole, i + lanes, a1, b1);
    }
    if (i + lanes <= end) terms(whole, i, a0, b0), i += lanes;
    first += hn::GetLane(hn::SumOfLanes(whole, hn::Add(a0, a1)));
    second += hn::GetLane(hn::SumOfLanes(whole, hn::Add(b0, b1)));
  }
  for (; i < length; ++i) {
    auto a = hn::Zero(one), b = a;
    terms(one, i, a, b);
    first += hn::GetLane(a);
    second += hn::GetLane(b);
  }
}

void normalizeRow(int64_t length, float epsilon, const float* x, const float* weight, const float* bias, float* y,
                  float* meanOut, float* inverseOut) {
  double sum, unused, squares, deviations;
  addOverRow(
      length, [&](auto d, int64_t i, auto& a, auto&) HWY_ATTR { a = hn::Add(a, hn::LoadU(d, x + i)); }, sum, unused);
  const double count = static_cast<double>(length);
  const float mean = static_cast<float>(sum / count);
  addOverRow(
      length,
      [&](auto d, int64_t i, auto& a, auto& b) HWY_ATTR {
        const auto deviation = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean));
        a = hn::MulAdd(deviation, deviation, a);
        b = hn::Add(b, deviation);
      },
      squares, deviations);
  writeStatistics({count, mean + deviations / count, squares - deviations * deviations / count}, epsilon, meanOut,
                  inverseOut);
  const float inverse = *inverseOut, center = *meanOut;
  forEachLane(static_cast<size_t>(length), [&](auto d, size_t i) HWY_ATTR {
    auto value = hn::Mul(hn::Sub(hn::LoadU(d, x + i), hn::Set(d, center)), hn::Set(d, inverse));
    if (weight) value = hn::Mul(value, hn::LoadU(d, weight + i));
    if (bias) value = hn::Add(value, hn::LoadU(d, bias + i));
    hn::StoreU(value, d, y + i);
  });
}

void rowGradient(int64_t length, const float* x, float mean, float inverse, const float* weight, const float* dy,
                 float* dx) {
  double sum, product;
  const auto weighted = [&](auto d, int64_t i) HWY_ATTR {
    const auto gradient = hn::LoadU(d, dy + i);
    return weight ? hn::Mul(gradient, hn::LoadU(d, weight + i)) : gradient;
  };
  const auto normal = [&](auto d, int64_t i) HWY_ATTR {
    return hn::Mul(hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean)), hn::Set(d, inverse));
  };
  addOverRow(
      length,
      [&](auto d, int64_t i, auto& a, auto& b) HWY_ATTR {
        const auto gradient = weighted(d, i);
        a = hn::Add(a, gradient);
        b = hn::MulAdd(gradient, normal(d, i), b);
      },
      sum, product);
  const float gradientMean = static_cast<float>(sum / static_cast<double>(length));
  const float correlation = static_cast<float>(product / static_cast<double>(length));
  forEachLane(static_cast<size_t>(length), [&](auto d, size_t at) HWY_ATTR {
    const int64_t i = static_cast<int64_t>(at);
    const auto centered = hn::Sub(weighted(d, i), hn::Set(d, gradientMean));
    const auto value = hn::NegMulAdd(normal(d, i), hn::Set(d, correlation), centered);
    hn::StoreU(hn::Mul(hn::Set(d, inverse), value), d, dx + i);
  });
}

// dw[c] = Σ_p dy · x̂ and db[c] = Σ_p dy, where every position has its own statistics.
void rowParameterGradients(const Normalization& n, const float* x, const float* stats, const float* dy,
                           float* weightGradient, float* biasGradient) {
  forEachChannel(0, n.channels, [&](auto d, int64_t c) HWY_ATTR {
    ChannelSums sums;
    addOverPositions(
        d, n.positions,
        [&](auto tag, int64_t p, auto& first, auto& second) HWY_ATTR {
          const auto gradient = hn::LoadU(tag, dy + p * n.channels + c);
          const auto deviation = hn::Sub(hn::LoadU(tag, x + p * n.channels + c), hn::Set(tag, stats[p]));
          first = hn::Add(first, gradient);
          second = hn::MulAdd(gradient, hn::Mul(deviation, hn::Set(tag, stats[n.positions + p])), second);
        },
        sums);
    for (size_t lane = 0; lane < hn::Lanes(d); ++lane) {
      if (biasGradient) biasGradient[c + static_cast<int64_t>(lane)] = static_cast<float>(sums.first[lane]);
      if (weightGradient) weightGradient[c + static_cast<int64_t>(lane)] = static_cast<float>(sums.second[lane]);
    }
  });
}

void groupParameterGradients(const Normalization& n, const float* x, const float* stats, const float* dy,
                             float* weightGradient, float* biasGradient) {
  forEachChannel(0, n.channels, [&](auto d, int64_t c) HWY_ATTR {
    ChannelSums sums;
    gradientSums(d, n, x, stats, dy, c, sums);
    for (size_t lane = 0; lane < hn::Lanes(d); ++lane) {
      if (biasGradient) biasGradient[c + static_cast<int64_t>(lane)] = static_cast<float>(sums.first[lane]);
      if (weightGradient) weightGradient[c + static_cast<int64_t>(lane)] = static_cast<float>(sums.second[lane]);
    }
  });
}

// ---- One example

// A single position in a single group is one run as well, whose weights lie along it.
bool isRows(const Normalization& n) {
  return n.perPosition || (n.positions == 1 && n.groups == 1);
}

void normalizeVector(const Normalization& n, int64_t examples, const float* x, const float* weight, const float* bias,
                     float* y, float* stats) {
  const int64_t elements = n.positions * n.channels;
  for (int64_t b = 0; b < examples; ++b, x += elements, y += elements, stats += 2 * n.statistics()) {
    if (!isRows(n)) {
      normalizeGroups(n, x, weight, bias, y, stats);
      continue;
    }
    for (int64_t p = 0; p < n.positions; ++p)
      normalizeRow(n.channels, n.epsilon, x + p * n.channels, weight, bias, y + p * n.channels, stats + p,
                   stats + n.positions + p);
  }
}

void normalizeGradientVector(const Normalization& n, int64_t examples, const float* x, const float* stats,
                             const float* weight, const float* dy, float* dx) {
  const int64_t elements = n.positions * n.channels;
  for (int64_t b = 0; b < examples; ++b, x += elements, dy += elements, dx += elements, stats += 2 * n.statistics()) {
    if (!isRows(n)) {
      for (int64_t group = 0; group < n.groups; group += kGroupsAtOnce)
        groupGradient(n, group, std::min(kGroupsAtOnce, n.groups - group), x, stats, weight, dy, dx);
      continue;
    }
    for (int64_t p = 0; p < n.positions; ++p)
      rowGradient(n.channels, x + p * n.channels, stats[p], stats[n.positions + p], weight, dy + p * n.channels,
                  dx + p * n.channels);
  }
}

void normalizeParameterGradientsVector(const Normalization& n, int64_t examples, const float* x, const float* stats,
                                       const float* dy, float* weightGradients, float* biasGradients, int64_t stride) {
  const int64_t elements = n.positions * n.channels;
  for (int64_t b = 0; b < examples; ++b, x += elements, dy += elements, stats += 2 * n.statistics()) {
    float* weightGradient = weightGradients ? weightGradients + b * stride : nullptr;
    float* biasGradient = biasGradients ? biasGradients + b * stride : nullptr;
    if (isRows(n))
      rowParameterGradients(n, x, stats, dy, weightGradient, biasGradient);
    else
      groupParameterGradients(n, x, stats, dy, weightGradient, biasGradient);
  }
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(normalizeVector);
HWY_EXPORT(normalizeGradientVector);
HWY_EXPORT(normalizeParameterGradientsVector);
}  // namespace

void normalize(const Backend::Normalization& n, int64_t examples, const float* x, const float* weight,
               const float* bias, float* y, float* stats) {
  HWY_DYNAMIC_DISPATCH(normalizeVector)(n, examples, x, weight, bias, y, stats);
}

void normalizeGradient(const Backend::Normalization& n, int64_t examples, const float* x, const float* stats,
                       const float* weight, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(normalizeGradientVector)(n, examples, x, stats, weight, dy, dx);
}

void normalizeParameterGradients(const Backend::Normalization& n, int64_t examples, const float* x, const float* stats,
                                 const float* dy, float* weightGradients, float* biasGradients, int64_t stride) {
  HWY_DYNAMIC_DISPATCH(normalizeParameterGradientsVector)
  (n, examples, x, stats, dy, weightGradients, biasGradients, stride);
}

}  // namespace hushgrad::cpu
#endif
