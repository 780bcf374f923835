#include <cmath>
#include <vector>

#include "test/support/reference_backend.h"

namespace hushgrad {

namespace {

using Normalization = Backend::Normalization;

// Which statistic the element at (position, channel) belongs to, and how many elements share one.
int64_t statisticOf(const Normalization& n, int64_t position, int64_t channel) {
  return n.perPosition ? position : channel / (n.channels / n.groups);
}
int64_t elementsAStatistic(const Normalization& n) {
  return n.positions * n.channels / n.statistics();
}

// visit(element, channel, statistic) for one example.
template <class Visit>
void forEachElement(const Normalization& n, Visit visit) {
  for (int64_t p = 0; p < n.positions; ++p) {
    for (int64_t c = 0; c < n.channels; ++c) visit(p * n.channels + c, c, statisticOf(n, p, c));
  }
}

double scale(const float* weight, int64_t channel) {
  return weight == nullptr ? 1 : weight[channel];
}

}  // namespace

void ReferenceBackend::normalize(const Normalization& n, int64_t examples, const float* x, const float* weight,
                                 const float* bias, float* y, float* stats) {
  int64_t elements = n.positions * n.channels;
  auto shared = static_cast<double>(elementsAStatistic(n));
  for (int64_t b = 0; b < examples; ++b, x += elements, y += elements, stats += 2 * n.statistics()) {
    std::vector<double> mean(static_cast<size_t>(n.statistics()), 0.0), variance(mean);
    forEachElement(n, [&](int64_t i, int64_t, int64_t s) { mean[s] += x[i] / shared; });
    forEachElement(n,
                   [&](int64_t i, int64_t, int64_t s) { variance[s] += (x[i] - mean[s]) * (x[i] - mean[s]) / shared; });
    for (int64_t s = 0; s < n.statistics(); ++s) {
      stats[s] = static_cast<float>(mean[s]);
      stats[n.statistics() + s] = static_cast<float>(1 / std::sqrt(variance[s] + n.epsilon));
    }
    forEachElement(n, [&](int64_t i, int64_t c, int64_t s) {
      double normal = (x[i] - mean[s]) / std::sqrt(variance[s] + n.epsilon);
      y[i] = static_cast<float>(normal * scale(weight, c) + (bias == nullptr ? 0 : bias[c]));
    });
  }
}

// With h = (x − mean)·r and d = dy·weight: dx = r·(d − mean(d) − h·mean(d·h)).
void ReferenceBackend::normalizeGradient(const Normalization& n, int64_t examples, const float* x, const float* stats,
                                         const float* weight, const float* dy, float* dx) {
  int64_t elements = n.positions * n.channels;
  auto shared = static_cast<double>(elementsAStatistic(n));
  for (int64_t b = 0; b < examples; ++b, x += elements, dy += elements, dx += elements, stats += 2 * n.statistics()) {
    const float* mean = stats;
    const float* inverse = stats + n.statistics();
    auto normal = [&](int64_t i, int64_t s) { return (static_cast<double>(x[i]) - mean[s]) * inverse[s]; };
    std::vector<double> meanD(static_cast<size_t>(n.statistics()), 0.0), meanDH(meanD);
    forEachElement(n, [&](int64_t i, int64_t c, int64_t s) {
      double d = dy[i] * scale(weight, c);
      meanD[s] += d / shared;
      meanDH[s] += d * normal(i, s) / shared;
    });
    forEachElement(n, [&](int64_t i, int64_t c, int64_t s) {
      double d = dy[i] * scale(weight, c);
      dx[i] = static_cast<float>(inverse[s] * (d - meanD[s] - normal(i, s) * meanDH[s]));
    });
  }
}

void ReferenceBackend::normalizeParameterGradients(const Normalization& n, int64_t examples, const float* x,
                                                   const float* stats, const float* dy, float* weightGradients,
                                                   float* biasGradients, int64_t stride) {
  int64_t elements = n.positions * n.channels;
  for (int64_t b = 0; b < examples; ++b, x += elements, dy += elements, stats += 2 * n.statistics()) {
    std::vector<double> weight(static_cast<size_t>(n.channels), 0.0), bias(weight);
    forEachElement(n, [&](int64_t i, int64_t c, int64_t s) {
      weight[c] += dy[i] * (static_cast<double>(x[i]) - stats[s]) * stats[n.statistics() + s];
      bias[c] += dy[i];
    });
    for (int64_t c = 0; c < n.channels; ++c) {
      if (weightGradients != nullptr) weightGradients[b * stride + c] = static_cast<float>(weight[c]);
      if (biasGradients != nullptr) biasGradients[b * stride + c] = static_cast<float>(bias[c]);
    }
  }
}

}  // namespace hushgrad
