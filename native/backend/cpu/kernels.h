// The CPU's kernels as plain functions, one source file an idea; cpu_backend.cpp puts them behind Backend, whose
// comments say what each computes. All run on the calling thread alone and allocate nothing.
#pragma once

#include "backend/backend.h"

namespace hushgrad::cpu {

// gemm.cpp
void gemm(const Gemm& product);

// unfold.cpp. Output rows [firstRow, firstRow + rows) only, so that callers can stay within the cache:
// patches[rows · outWidth, groups · patch]. foldRows is the adjoint; it adds to dx.
void unfoldRows(const Window& window, const float* x, int64_t firstRow, int64_t rows, float* patches);
void foldRows(const Window& window, const float* patches, int64_t firstRow, int64_t rows, float* dx);

// pooling.cpp
void maxPool(const Window& window, int64_t examples, const float* x, float* y, int32_t* chosen);
void maxPoolGradient(const Window& window, int64_t examples, const int32_t* chosen, const float* dy, float* dx);
void averagePool(const Window& window, int64_t examples, const float* x, float* y);
void averagePoolGradient(const Window& window, int64_t examples, const float* dy, float* dx);

// activations.cpp
void activate(const Activation& f, int64_t count, const float* x, float* y);
void activateGradient(const Activation& f, int64_t count, const float* x, const float* y, const float* dy, float* dx);

// transpose.cpp
void transpose(int64_t examples, int64_t rows, int64_t columns, const float* x, float* y);

// normalization.cpp
void normalize(const Backend::Normalization& n, int64_t examples, const float* x, const float* weight,
               const float* bias, float* y, float* stats);
void normalizeGradient(const Backend::Normalization& n, int64_t examples, const float* x, const float* stats,
                       const float* weight, const float* dy, float* dx);
void normalizeParameterGradients(const Backend::Normalization& n, int64_t examples, const float* x, const float* stats,
                                 const float* dy, float* weightGradients, float* biasGradients, int64_t stride);

// rows.cpp
void addBias(int64_t rows, int64_t columns, const float* bias, float* y);
void addSquaredNorms(int64_t rows, int64_t columns, const float* x, int64_t stride, double* sums, const uint8_t* mask);
void addWeightedRows(int64_t rows, int64_t columns, const float* x, int64_t stride, const float* factors, float* sum);
void scaleRows(int64_t rows, int64_t columns, const float* factors, const float* x, float* y);
void zeroCoarse(int64_t count, float* y);
void add(int64_t count, const float* x, float* y);
void multiply(int64_t count, const float* a, const float* b, float* y);
void copyRows(int64_t rows, int64_t columns, const float* x, int64_t xStride, float* y, int64_t yStride);
void mixRows(const Backend::RowMixture& mixture, int64_t blocks, int64_t columns, const float* x, float* y);
void sumPositions(int64_t examples, int64_t positions, int64_t columns, const float* x, float* y, int64_t stride);
void dotWithMagnitude(int64_t count, const float* p, const float* q, double* total, double* magnitude);
void addDotWithSum(int64_t count, const float* p, int64_t rows, const float* const* row, double* total,
                   double* magnitude);

// masked_outer.cpp
int64_t maskedOuterFloats(int64_t outputs);
void addMaskedOuterNorms(const Backend::MaskedOuter& outer, float* scratch, double* sums);

// dropout.cpp
void dropout(uint64_t key, uint64_t position, float rate, int64_t count, const float* x, float* y);

}  // namespace hushgrad::cpu
