#include "layers/resampling.h"

#include "layers/scratch.h"
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
    : Resampling(volumeOf(setup.node, setup.inputShapes.at(0)), volumeOf(setup.node, setup.outputShape), setup, along) {
}

Resampling::Resampling(const Shape& in, const Shape& out, const LayerSetup& setup, const Along& along)
    : Layer(setup),
      channels(in[0]),
      inElements(elementCount(in)),
      inHeight(in[2]),
      inWidth(in[3]),
      outDepth(out[1]),
      outWidth(out[3]),
      vertical(along(in[2], out[2], 0)),
      horizontal(along(in[3], out[3], 1)),
      verticalBack(vertical.transposed()),
      horizontalBack(horizontal.transposed()) {
  if (in[1] == 1 && out[1] == 1) return;
  depth = along(in[1], out[1], 2);
  depthBack = depth->transposed();
}

int64_t Resampling::scratchFloats() const {
  return Scratch::sizeOf({depth ? outDepth * pictureFloats() : 0, outDepth * inHeight * outWidth * channels});
}

void Resampling::forward(Tape& tape) {
  Scratch parts(tape.scratch);
  float* pictures = depth ? parts.take(outDepth * pictureFloats()) : nullptr;
  for (int64_t b = 0; b < tape.examples; ++b) {
    const float* x = tape.inputs[0] + b * inElements;
    if (depth) backend.mixRows(depth->mixture(), 1, pictureFloats(), x, pictures);
    backend.mixRows(horizontal.mixture(), outDepth * inHeight, channels, depth ? pictures : x, parts.rest());
    backend.mixRows(vertical.mixture(), outDepth, outWidth * channels, parts.rest(), tape.output + b * outputElements);
  }
}

void Resampling::inputGradient(Tape& tape) {
  Scratch parts(tape.scratch);
  float* pictures = depth ? parts.take(outDepth * pictureFloats()) : nullptr;
  for (int64_t b = 0; b < tape.examples; ++b) {
    const float* dy = tape.outputGradient + b * outputElements;
    float* dx = tape.inputGradients[0] + b * inElements;
    backend.mixRows(verticalBack.mixture(), outDepth, outWidth * channels, dy, parts.rest());
    backend.mixRows(horizontalBack.mixture(), outDepth * inHeight, channels, parts.rest(), depth ? pictures : dx);
    if (depth) backend.mixRows(depthBack->mixture(), 1, pictureFloats(), pictures, dx);
  }
}

Cost Resampling::forwardCost() const {
  const double between = static_cast<double>(scratchFloats());
  const int64_t products = outDepth * (horizontal.entries() * inHeight + vertical.entries() * outWidth) +
                           (depth ? depth->entries() * inHeight * inWidth : 0);
  return {2 * static_cast<double>(products * channels),
          sizeof(float) * (static_cast<double>(inElements) + 2 * between + outputElements)};
}

}  // namespace hushgrad
