// backend.h in the simplest loops that define it, accumulating in float64: what every other backend is tested against,
// and a proof that layers know no backend.
#pragma once

#include "backend/backend.h"

namespace hushgrad {

class ReferenceBackend : public Backend {
 public:
  void gemm(const Gemm& product) override;
  std::unique_ptr<Convolution> convolution(const Window& window, bool needsInputGradient, int64_t capacity) override;
  void unfold(const Window& window, const float* x, float* patches) override;
  void maxPool(const Window& window, int64_t examples, const float* x, float* y, int32_t* chosen) override;
  void maxPoolGradient(const Window& window, int64_t examples, const int32_t* chosen, const float* dy,
                       float* dx) override;
  void averagePool(const Window& window, int64_t examples, const float* x, float* y) override;
  void averagePoolGradient(const Window& window, int64_t examples, const float* dy, float* dx) override;
  void activate(const Activation& f, int64_t count, const float* x, float* y) override;
  void activateGradient(const Activation& f, int64_t count, const float* x, const float* y, const float* dy,
                        float* dx) override;
  void addBias(int64_t rows, int64_t columns, const float* bias, float* y) override;
  void transpose(int64_t examples, int64_t rows, int64_t columns, const float* x, float* y) override;
  void normalize(const Normalization& n, int64_t examples, const float* x, const float* weight, const float* bias,
                 float* y, float* stats) override;
  void normalizeGradient(const Normalization& n, int64_t examples, const float* x, const float* stats,
                         const float* weight, const float* dy, float* dx) override;
  void normalizeParameterGradients(const Normalization& n, int64_t examples, const float* x, const float* stats,
                                   const float* dy, float* weightGradients, float* biasGradients,
                                   int64_t stride) override;
  void addSquaredNorms(int64_t rows, int64_t columns, const float* x, int64_t stride, double* sums,
                       const uint8_t* mask) override;
  int64_t maskedOuterFloats(int64_t) const override { return 0; }
  void addMaskedOuterNorms(const MaskedOuter& outer, float* scratch, double* sums) override;
  void addWeightedRows(int64_t rows, int64_t columns, const float* x, int64_t stride, const float* factors,
                       float* sum) override;
  void scaleRows(int64_t rows, int64_t columns, const float* factors, const float* x, float* y) override;
  void zeroCoarse(int64_t count, float* y) override;
  void add(int64_t count, const float* x, float* y) override;
  void multiply(int64_t count, const float* a, const float* b, float* y) override;
  void fill(int64_t count, float value, float* y) override;
  void copyRows(int64_t rows, int64_t columns, const float* x, int64_t xStride, float* y, int64_t yStride) override;
  void mixRows(const RowMixture& mixture, int64_t blocks, int64_t columns, const float* x, float* y) override;
  void sumPositions(int64_t examples, int64_t positions, int64_t columns, const float* x, float* y,
                    int64_t stride) override;
  void dotWithMagnitude(int64_t count, const float* p, const float* q, double* total, double* magnitude) override;
  void addDotWithSum(int64_t count, const float* p, int64_t rows, const float* const* row, double* total,
                     double* magnitude) override;
  // Draws from a generator of its own: another backend's mask differs.
  void dropout(uint64_t key, uint64_t position, float rate, int64_t count, const float* x, float* y) override;
};

}  // namespace hushgrad
