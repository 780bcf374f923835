#include "layers/resampling.h"

#include "layers/window.h"

namespace hushgrad {

SparseRows::SparseRows(int64_t rows, int64_t columns, const std::function<std::vector<Entry>(int64_t row)>& entriesOf)
    : rows(rows), columns(columns), begins{0} {
  for (int64_t row = 0; row < rows; ++row) {
    for (const Entry& entry : entriesOf(row)) {
      places.push_back(static_cast<int32_t>(entry.column));
      weights.push_back(static_cast<float>(entry.weight));
    }
    begins.push_back(static_cast<int32_t>(weights.size()));
  }
}

SparseRows SparseRows::transposed() const {
  std::vector<std::vector<Entry>> byColumn(static_cast<size_t>(columns));
  for (size_t row = 0; row + 1 < begins.size(); ++row)
    for (auto k = static_cast<size_t>(begins[row]); k < static_cast<size_t>(begins[row + 1]); ++k)
      byColumn[static_cast<size_t>(places[k])].push_back({static_cast<int64_t>(row), weights[k]});
  return SparseRows(columns, rows, [&](int64_t row) { return byColumn[static_cast<size_t>(row)]; });
}

Backend::RowMixture SparseRows::mixture() const {
  return {columns, rows, begins.data(), places.data(), weights.data()};
}

Resampling::Resampling(const LayerSetup& setup, const Along& along)
    : Resampling(pictureOf(setup.node, setup.inputShapes.at(0)), pictureOf(setup.node, setup.outputShape), setup,
                 along) {}

Resampling::Resampling(const Shape& in, const Shape& out, const LayerSetup& setup, const Along& along)
    : Layer(setup),
      channels(in[0]),
      inHeight(in[1]),
      inWidth(in[2]),
      outWidth(out[2]),
      vertical(along(in[1], out[1], 0)),
      horizontal(along(in[2], out[2], 1)),
      verticalBack(vertical.transposed()),
      horizontalBack(horizontal.transposed()) {}

void Resampling::forward(Tape& tape) {
  for (int64_t b = 0; b < tape.examples; ++b) {
    const float* x = tape.inputs[0] + b * inHeight * inWidth * channels;
    backend.mixRows(horizontal.mixture(), inHeight, channels, x, tape.scratch);
    backend.mixRows(vertical.mixture(), 1, outWidth * channels, tape.scratch, tape.output + b * outputElements);
  }
}

void Resampling::inputGradient(Tape& tape) {
  for (int64_t b = 0; b < tape.examples; ++b) {
    const float* dy = tape.outputGradient + b * outputElements;
    float* dx = tape.inputGradients[0] + b * inHeight * inWidth * channels;
    backend.mixRows(verticalBack.mixture(), 1, outWidth * channels, dy, tape.scratch);
    backend.mixRows(horizontalBack.mixture(), inHeight, channels, tape.scratch, dx);
  }
}

Cost Resampling::forwardCost() const {
  const double between = static_cast<double>(scratchFloats());
  const double products = static_cast<double>(horizontal.entries() * inHeight + vertical.entries() * outWidth);
  const double in = static_cast<double>(inHeight * inWidth * channels);
  return {2 * products * static_cast<double>(channels), sizeof(float) * (in + 2 * between + outputElements)};
}

}  // namespace hushgrad
