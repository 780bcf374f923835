#include "test/layers/layer_case.h"

namespace hushgrad {

namespace {

// [rows, columns] to [columns, rows].
Doubles transposed(const Doubles& x, int64_t rows, int64_t columns) {
  Doubles y(x.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) y[c * rows + r] = x[r * columns + c];
  }
  return y;
}

double dot(const Doubles& p, const Doubles& q) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += p[i] * q[i];
  return sum;
}

// d/dv loss() by central differences; exact for what is linear in v, else off by about step² and 1e-16/step.
template <class Loss>
Doubles differences(Doubles& variable, Loss loss) {
  constexpr double kStep = 1e-5;
  Doubles gradient(variable.size());
  for (size_t i = 0; i < variable.size(); ++i) {
    double kept = variable[i];
    variable[i] = kept + kStep;
    double above = loss();
    variable[i] = kept - kStep;
    double below = loss();
    variable[i] = kept;
    gradient[i] = (above - below) / (2 * kStep);
  }
  return gradient;
}

}  // namespace

Doubles toChannelsLast(const Shape& shape, const Doubles& plain) {
  return transposed(plain, shape[0], elementCount(shape) / shape[0]);
}

Doubles toPlain(const Shape& shape, const Doubles& channelsLast) {
  return transposed(channelsLast, elementCount(shape) / shape[0], shape[0]);
}

Doubles inputDifferences(const LayerCase& layer, const Doubles& x, const std::vector<Doubles>& parameters,
                         const Doubles& dy) {
  Doubles moved = x;
  return differences(moved, [&] { return dot(dy, layer.forward(moved, parameters)); });
}

Doubles parameterDifferences(const LayerCase& layer, const Doubles& x, const std::vector<Doubles>& parameters,
                             const Doubles& dy, size_t slot) {
  std::vector<Doubles> moved = parameters;
  return differences(moved[slot], [&] { return dot(dy, layer.forward(x, moved)); });
}

}  // namespace hushgrad
