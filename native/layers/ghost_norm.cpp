#include "layers/ghost_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "layers/scratch.h"

namespace hushgrad {

namespace {

constexpr double kCancelled = 0.1;

// Two blocks of Gram matrices should meet in the second-level cache: 2^16 floats each, at least 16 rows.
int64_t chooseBlockRows(int64_t positions) {
  constexpr int64_t kBlockFloats = 65536;
  int64_t rows = std::clamp<int64_t>(kBlockFloats / positions, 16, 128);
  return std::min(rows, positions);
}

}  // namespace

// A factor of a term below float32's normal range may have been lost: at most kTiny times the other one. A hostile
// record could otherwise hide a large gradient behind an underflow.
std::optional<double> GramSum::settled(double terms) const {
  constexpr double kTiny = std::numeric_limits<float>::min();
  if (!std::isfinite(magnitude) || total < kCancelled * magnitude) return std::nullopt;
  if (kTiny * terms > 1e-6 * total) return std::nullopt;
  return total;
}

GhostNorm::GhostNorm(Backend& backend, const GhostNormShape& shape)
    : backend(backend), shape(shape), blockRows(chooseBlockRows(shape.positions)) {}

int64_t GhostNorm::scratchFloats() const {
  int64_t block = blockRows * shape.positions;
  return Scratch::sizeOf({block, block});
}

double GhostNorm::flops() const {
  double pairs = 0.5 * shape.positions * (shape.positions + blockRows);
  double squares = 2.0 * shape.positions * shape.groups * (shape.inputs + shape.outputs);
  return squares + pairs * shape.groups * (2.0 * (shape.inputs + shape.outputs) + 3);
}

double GhostNorm::bytes() const {
  double rows = static_cast<double>(shape.positions) * shape.groups * (shape.inputs + shape.outputs);
  return sizeof(float) * 2 * rows;  // once for the squares, once for the products; Gram blocks stay in cache
}

std::optional<double> GhostNorm::squared(const float* a, const float* e, float* scratch) const {
  double inputSquares = 0, outputSquares = 0;
  backend.addSquaredNorms(1, shape.positions * shape.groups * shape.inputs, a, 0, &inputSquares);
  backend.addSquaredNorms(1, shape.positions * shape.groups * shape.outputs, e, 0, &outputSquares);
  if (!std::isfinite(inputSquares + outputSquares)) return std::numeric_limits<double>::quiet_NaN();
  if (inputSquares == 0 || outputSquares == 0) return 0.0;

  GramSum sum;
  for (int64_t g = 0; g < shape.groups; ++g) addGroup(a + g * shape.inputs, e + g * shape.outputs, scratch, sum);
  // Σ_{t,s} |a_t·a_s| ≤ T‖A‖², and so for e.
  return sum.settled(static_cast<double>(shape.positions) * (inputSquares + outputSquares));
}

void GhostNorm::addGroup(const float* a, const float* e, float* scratch, GramSum& sum) const {
  for (int64_t row = 0; row < shape.positions; row += blockRows) {
    int64_t rows = std::min(blockRows, shape.positions - row);
    int64_t above = row + rows;
    addBlock(a, e, {row, rows, row, rows}, 1, scratch, sum);
    if (above < shape.positions) addBlock(a, e, {row, rows, above, shape.positions - above}, 2, scratch, sum);
  }
}

void GhostNorm::addBlock(const float* a, const float* e, const Block& block, double weight, float* scratch,
                         GramSum& sum) const {
  Scratch parts(scratch);
  float* inputGram = parts.take(blockRows * shape.positions);
  float* outputGram = parts.take(blockRows * shape.positions);
  multiplyRows(a, shape.groups * shape.inputs, shape.inputs, block, inputGram);
  multiplyRows(e, shape.groups * shape.outputs, shape.outputs, block, outputGram);
  GramSum part;
  backend.dotWithMagnitude(block.rows * block.columns, inputGram, outputGram, &part.total, &part.magnitude);
  sum.add(weight, part);
}

void GhostNorm::multiplyRows(const float* x, int64_t leading, int64_t width, const Block& block, float* product) const {
  Gemm gemm;
  gemm.transposeB = true;
  gemm.m = block.rows;
  gemm.n = block.columns;
  gemm.k = width;
  gemm.a = x + block.row * leading;
  gemm.lda = leading;
  gemm.b = x + block.column * leading;
  gemm.ldb = leading;
  gemm.c = product;
  gemm.ldc = block.columns;
  backend.gemm(gemm);
}

}  // namespace hushgrad
