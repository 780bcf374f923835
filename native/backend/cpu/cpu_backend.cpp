// The CPU's kernels behind the Backend interface.
#include <algorithm>

#include "backend/cpu/convolution.h"
#include "backend/cpu/kernels.h"

namespace hushgrad {
namespace {

class CpuBackend final : public Backend {
 public:
  void gemm(const Gemm& product) override { cpu::gemm(product); }
  std::unique_ptr<Convolution> convolution(const Window& window, bool needsInputGradient, int64_t capacity) override {
    return cpu::makeConvolution(window, needsInputGradient, capacity);
  }
  void unfold(const Window& window, const float* x, float* patches) override {
    cpu::unfoldRows(window, x, 0, window.outRows(), patches);
  }

  void maxPool(const Window& window, int64_t examples, const float* x, float* y, int32_t* chosen) override {
    cpu::maxPool(window, examples, x, y, chosen);
  }
  void maxPoolGradient(const Window& window, int64_t examples, const int32_t* chosen, const float* dy,
                       float* dx) override {
    cpu::maxPoolGradient(window, examples, chosen, dy, dx);
  }
  void averagePool(const Window& window, int64_t examples, const float* x, float* y) override {
    cpu::averagePool(window, examples, x, y);
  }
  void averagePoolGradient(const Window& window, int64_t examples, const float* dy, float* dx) override {
    cpu::averagePoolGradient(window, examples, dy, dx);
  }

  void activate(const Activation& f, int64_t count, const float* x, float* y) override {
    cpu::activate(f, count, x, y);
  }
  void activateGradient(const Activation& f, int64_t count, const float* x, const float* y, const float* dy,
                        float* dx) override {
    cpu::activateGradient(f, count, x, y, dy, dx);
  }

  void addBias(int64_t rows, int64_t columns, const float* bias, float* y) override {
    cpu::addBias(rows, columns, bias, y);
  }
  void transpose(int64_t examples, int64_t rows, int64_t columns, const float* x, float* y) override {
    cpu::transpose(examples, rows, columns, x, y);
  }

  void normalize(const Normalization& n, int64_t examples, const float* x, const float* weight, const float* bias,
                 float* y, float* stats) override {
    cpu::normalize(n, examples, x, weight, bias, y, stats);
  }
  void normalizeGradient(const Normalization& n, int64_t examples, const float* x, const float* stats,
                         const float* weight, const float* dy, float* dx) override {
    cpu::normalizeGradient(n, examples, x, stats, weight, dy, dx);
  }
  void normalizeParameterGradients(const Normalization& n, int64_t examples, const float* x, const float* stats,
                                   const float* dy, float* weightGradients, float* biasGradients,
                                   int64_t stride) override {
    cpu::normalizeParameterGradients(n, examples, x, stats, dy, weightGradients, biasGradients, stride);
  }

  void addSquaredNorms(int64_t rows, int64_t columns, const float* x, int64_t stride, double* sums,
                       const uint8_t* mask) override {
    cpu::addSquaredNorms(rows, columns, x, stride, sums, mask);
  }
  int64_t maskedOuterFloats(int64_t outputs) const override { return cpu::maskedOuterFloats(outputs); }
  void addMaskedOuterNorms(const MaskedOuter& outer, float* scratch, double* sums) override {
    cpu::addMaskedOuterNorms(outer, scratch, sums);
  }
  void addWeightedRows(int64_t rows, int64_t columns, const float* x, int64_t stride, const float* factors,
                       float* sum) override {
    cpu::addWeightedRows(rows, columns, x, stride, factors, sum);
  }
  void scaleRows(int64_t rows, int64_t columns, const float* factors, const float* x, float* y) override {
    cpu::scaleRows(rows, columns, factors, x, y);
  }
  void zeroCoarse(int64_t count, float* y) override { cpu::zeroCoarse(count, y); }
  void add(int64_t count, const float* x, float* y) override { cpu::add(count, x, y); }
  void multiply(int64_t count, const float* a, const float* b, float* y) override { cpu::multiply(count, a, b, y); }
  void fill(int64_t count, float value, float* y) override { std::fill_n(y, count, value); }
  void copyRows(int64_t rows, int64_t columns, const float* x, int64_t xStride, float* y, int64_t yStride) override {
    cpu::copyRows(rows, columns, x, xStride, y, yStride);
  }
  void mixRows(const RowMixture& mixture, int64_t blocks, int64_t columns, const float* x, float* y) override {
    cpu::mixRows(mixture, blocks, columns, x, y);
  }
  void sumPositions(int64_t examples, int64_t positions, int64_t columns, const float* x, float* y,
                    int64_t stride) override {
    cpu::sumPositions(examples, positions, columns, x, y, stride);
  }
  void dotWithMagnitude(int64_t count, const float* p, const float* q, double* total, double* magnitude) override {
    cpu::dotWithMagnitude(count, p, q, total, magnitude);
  }
  void addDotWithSum(int64_t count, const float* p, int64_t rows, const float* const* row, double* total,
                     double* magnitude) override {
    cpu::addDotWithSum(count, p, rows, row, total, magnitude);
  }
  void dropout(uint64_t key, uint64_t position, float rate, int64_t count, const float* x, float* y) override {
    cpu::dropout(key, position, rate, count, x, y);
  }
};

}  // namespace

Backend& cpuBackend() {
  static CpuBackend backend;
  return backend;
}

}  // namespace hushgrad
