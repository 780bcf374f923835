#include "test/support/reference_backend.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "test/support/reference_convolution.h"

namespace hushgrad {

void ReferenceBackend::gemm(const Gemm& p) {
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < p.k; ++l) {
        double a = p.transposeA ? p.a[l * p.lda + i] : p.a[i * p.lda + l];
        double b = p.transposeB ? p.b[j * p.ldb + l] : p.b[l * p.ldb + j];
        sum += a * b;
      }
      float& c = p.c[i * p.ldc + j];
      if (p.beta != 0) sum += static_cast<double>(p.beta) * c;  // beta 0 overwrites, NaN included
      c = static_cast<float>(sum);
    }
  }
}

std::unique_ptr<Convolution> ReferenceBackend::convolution(const Window& window, bool, int64_t) {
  return std::make_unique<ReferenceConvolution>(window);
}

namespace {

double normalCdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}
constexpr double kPi = 3.14159265358979323846;

// torch.nn.GELU(approximate='tanh'): ½x(1 + tanh u), u = √(2/π)(x + 0.044715x³).
double tanhGeluArgument(double x) {
  return std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x);
}

double valueOf(const Activation& f, double x) {
  switch (f.kind) {
    case ActivationKind::relu:
      return x < 0 ? 0 : x;  // NaN stays
    case ActivationKind::leakyRelu:
      return x > 0 ? x : f.slope * x;
    case ActivationKind::tanh:
      return std::tanh(x);
    case ActivationKind::sigmoid:
      return 1 / (1 + std::exp(-x));
    case ActivationKind::gelu:
      return x * normalCdf(x);
    case ActivationKind::geluTanh:
      return 0.5 * x * (1 + std::tanh(tanhGeluArgument(x)));
  }
  return 0;
}

double tanhGeluDerivative(double x) {
  double t = std::tanh(tanhGeluArgument(x));
  double inner = std::sqrt(2 / kPi) * (1 + 3 * 0.044715 * x * x);
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner;
}

// Of the input for gelu, of the output for the others.
double derivativeOf(const Activation& f, double at) {
  switch (f.kind) {
    case ActivationKind::relu:
      return at > 0 ? 1 : 0;
    case ActivationKind::leakyRelu:
      return at > 0 ? 1 : f.slope;
    case ActivationKind::tanh:
      return 1 - at * at;
    case ActivationKind::sigmoid:
      return at * (1 - at);
    case ActivationKind::gelu:
      return normalCdf(at) + at * std::exp(-0.5 * at * at) / std::sqrt(2 * kPi);
    case ActivationKind::geluTanh:
      return tanhGeluDerivative(at);
  }
  return 0;
}

}  // namespace

void ReferenceBackend::activate(const Activation& f, int64_t count, const float* x, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<float>(valueOf(f, x[i]));
}

void ReferenceBackend::activateGradient(const Activation& f, int64_t count, const float* x, const float* y,
                                        const float* dy, float* dx) {
  bool ofInput = f.kind == ActivationKind::gelu || f.kind == ActivationKind::geluTanh;
  const float* at = ofInput ? x : y;
  for (int64_t i = 0; i < count; ++i) dx[i] = static_cast<float>(dy[i] * derivativeOf(f, at[i]));
}

void ReferenceBackend::addBias(int64_t rows, int64_t columns, const float* bias, float* y) {
  for (int64_t i = 0; i < rows * columns; ++i) y[i] += bias[i % columns];
}

void ReferenceBackend::transpose(int64_t examples, int64_t rows, int64_t columns, const float* x, float* y) {
  for (int64_t b = 0; b < examples; ++b, x += rows * columns, y += rows * columns) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) y[c * rows + r] = x[r * columns + c];
    }
  }
}

static bool takesPart(const uint8_t* mask, int64_t i) {
  return mask == nullptr || (mask[i / 8] >> (i % 8) & 1);
}

void ReferenceBackend::addSquaredNorms(int64_t rows, int64_t columns, const float* x, int64_t stride, double* sums,
                                       const uint8_t* mask) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c)
      if (takesPart(mask, c)) sums[r] += static_cast<double>(x[r * stride + c]) * x[r * stride + c];
  }
}

void ReferenceBackend::addMaskedOuterNorms(const MaskedOuter& outer, float*, double* sums) {
  for (int64_t b = 0; b < outer.examples; ++b) {
    for (int64_t i = 0; i < outer.outputs; ++i) {
      for (int64_t j = 0; j < outer.inputs; ++j) {
        if (!takesPart(outer.mask, i * outer.inputs + j)) continue;
        const double g = static_cast<double>(outer.e[b * outer.outputs + i]) * outer.a[b * outer.inputs + j];
        sums[b] += g * g;
      }
    }
  }
}

void ReferenceBackend::addWeightedRows(int64_t rows, int64_t columns, const float* x, int64_t stride,
                                       const float* factors, float* sum) {
  for (int64_t c = 0; c < columns; ++c) {
    double total = sum[c];
    for (int64_t r = 0; r < rows; ++r) {
      double factor = factors == nullptr ? 1 : factors[r];
      if (factor != 0) total += factor * x[r * stride + c];
    }
    sum[c] = static_cast<float>(total);
  }
}

void ReferenceBackend::scaleRows(int64_t rows, int64_t columns, const float* factors, const float* x, float* y) {
  for (int64_t b = 0; b < rows; ++b) {
    double largest = 0;
    for (int64_t c = 0; c < columns; ++c)
      largest = std::max(largest, std::abs(double(factors[b]) * x[b * columns + c]));
    bool keeps = factors[b] != 0 && largest >= kLeastScaled && largest <= kMostScaled;
    for (int64_t c = 0; c < columns; ++c) y[b * columns + c] = keeps ? factors[b] * x[b * columns + c] : 0;
  }
}

void ReferenceBackend::zeroCoarse(int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = std::abs(y[i]) >= kLeastScaled ? y[i] : 0;
}

void ReferenceBackend::add(int64_t count, const float* x, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] += x[i];
}

void ReferenceBackend::multiply(int64_t count, const float* a, const float* b, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] * b[i];
}

void ReferenceBackend::fill(int64_t count, float value, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = value;
}

void ReferenceBackend::copyRows(int64_t rows, int64_t columns, const float* x, int64_t xStride, float* y,
                                int64_t yStride) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) y[r * yStride + c] = x[r * xStride + c];
}

void ReferenceBackend::mixRows(const RowMixture& m, int64_t blocks, int64_t columns, const float* x, float* y) {
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t i = 0; i < m.outRows; ++i)
      for (int64_t c = 0; c < columns; ++c) {
        double total = 0;
        for (int32_t k = m.begins[i]; k < m.begins[i + 1]; ++k)
          total += static_cast<double>(m.weights[k]) * x[(block * m.inRows + m.rows[k]) * columns + c];
        y[(block * m.outRows + i) * columns + c] = static_cast<float>(total);
      }
}

void ReferenceBackend::sumPositions(int64_t examples, int64_t positions, int64_t columns, const float* x, float* y,
                                    int64_t stride) {
  for (int64_t b = 0; b < examples; ++b) {
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (int64_t p = 0; p < positions; ++p) sum += x[(b * positions + p) * columns + c];
      y[b * stride + c] = static_cast<float>(sum);
    }
  }
}

void ReferenceBackend::dotWithMagnitude(int64_t count, const float* p, const float* q, double* total,
                                        double* magnitude) {
  *total = *magnitude = 0;
  for (int64_t i = 0; i < count; ++i) {
    double product = static_cast<double>(p[i]) * q[i];
    *total += product;
    *magnitude += std::abs(product);
  }
}

void ReferenceBackend::addDotWithSum(int64_t count, const float* p, int64_t rows, const float* const* row,
                                     double* total, double* magnitude) {
  for (int64_t i = 0; i < count; ++i) {
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) sum += row[r][i];
    *total += p[i] * sum;
    *magnitude += std::abs(p[i] * sum);
  }
}

namespace {

// SplitMix64 (Steele et al. 2014): a finaliser of a counter.
double uniformAt(uint64_t key, uint64_t position) {
  uint64_t z = key + (position + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

}  // namespace

void ReferenceBackend::dropout(uint64_t key, uint64_t position, float rate, int64_t count, const float* x, float* y) {
  for (int64_t i = 0; i < count; ++i) {
    bool keep = uniformAt(key, position + static_cast<uint64_t>(i)) >= rate;
    y[i] = keep ? x[i] / (1 - rate) : 0;
  }
}

}  // namespace hushgrad
