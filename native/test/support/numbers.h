// Test data and comparisons.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace hushgrad {

inline std::vector<float> normalFloats(int64_t count, uint32_t seed, double deviation = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0, deviation);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(normal(engine));
  return values;
}

inline std::vector<double> toDoubles(const float* values, int64_t count) {
  return {values, values + count};
}

inline double squaredNorm(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value * value;
  return sum;
}

// ‖got − want‖ / ‖want‖, or ‖got‖ where nothing is wanted. NaN anywhere gives NaN, which no bound admits.
inline double relativeError(const std::vector<double>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return INFINITY;
  double difference = 0;
  for (size_t i = 0; i < got.size(); ++i) difference += (got[i] - want[i]) * (got[i] - want[i]);
  double size = squaredNorm(want);
  return std::sqrt(size > 0 ? difference / size : difference);
}

// Norms that privacy rests on are rounded upwards: never below the exact one, and hardly above.
inline bool boundsFromAbove(double got, double exact) {
  return got >= exact * (1 - 1e-14) && got <= exact * (1 + 1e-6);
}

inline double norm(const std::vector<float>& values) {
  double sum = 0;
  for (float x : values) sum += static_cast<double>(x) * x;
  return std::sqrt(sum);
}

}  // namespace hushgrad
