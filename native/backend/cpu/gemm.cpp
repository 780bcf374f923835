// Matrix products by oneDNN's sgemm, which takes row-major matrices.
#include <oneapi/dnnl/dnnl.h>

#include <stdexcept>
#include <string>

#include "backend/cpu/kernels.h"
#include "backend/cpu/one_thread.h"

namespace hushgrad::cpu {
namespace {

// An empty inner dimension leaves beta · C.
void scaleOutput(const Gemm& product) {
  for (int64_t row = 0; row < product.m; ++row) {
    float* c = product.c + row * product.ldc;
    for (int64_t column = 0; column < product.n; ++column) c[column] = product.beta == 0 ? 0 : product.beta * c[column];
  }
}

}  // namespace

void gemm(const Gemm& product) {
  if (product.m == 0 || product.n == 0) return;
  if (product.k == 0) return scaleOutput(product);
  const OneThread oneThread;
  const dnnl_status_t status =
      dnnl_sgemm(product.transposeA ? 'T' : 'N', product.transposeB ? 'T' : 'N', product.m, product.n, product.k, 1.0f,
                 product.a, product.lda, product.b, product.ldb, product.beta, product.c, product.ldc);
  if (status != dnnl_success)
    throw std::runtime_error("matrix product [" + std::to_string(product.m) + ", " + std::to_string(product.k) +
                             "] by [" + std::to_string(product.k) + ", " + std::to_string(product.n) +
                             "] failed in oneDNN with status " + std::to_string(status));
}

}  // namespace hushgrad::cpu
