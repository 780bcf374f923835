// What the files of the library share: the context, errors, and the executor that runs bodies on the stream.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>

#include "backend/cuda/cuda_api.h"
#include "backend/cuda/row_work.h"

namespace hushgrad::cuda {
struct StreamExecutor;
}

struct HushgradCudaContext {
  int device = 0;
  hushgrad::cuda::Hardware hardware{};
  cudaStream_t stream = nullptr, side = nullptr;
  cudaEvent_t privatized = nullptr, sideDone = nullptr;
  cudaEvent_t slots[2] = {nullptr, nullptr};
  // Of the kernels; grows to what the largest call so far took, so that a repeated step allocates nothing.
  void* scratch = nullptr;
  int64_t scratchBytes = 0;

  void* scratchFor(int64_t bytes);
  hushgrad::cuda::StreamExecutor executor() const;
};

namespace hushgrad::cuda {

inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // or a later call would report it once more
  throw std::runtime_error(std::string("CUDA: ") + what + ": " + cudaGetErrorString(status));
}

void setLastError(const char* message);

// Runs `body` with the context's device current; what it throws becomes lastError().
template <class Body>
int answered(const HushgradCudaContext* context, Body body) {
  try {
    if (context != nullptr) check(cudaSetDevice(context->device), "choosing the device");
    body();
    return 0;
  } catch (const std::exception& error) {
    setLastError(error.what());
    return 1;
  }
}

struct StreamBlock {
  __device__ int64_t index() const { return blockIdx.x; }
  template <class Function>
  __device__ void threads(Function function) const {
    function(static_cast<int>(threadIdx.x));
    __syncthreads();
  }
};

template <class Body>
__global__ void __launch_bounds__(kThreads) execute(const Body body) {
  __shared__ typename Body::Shared shared;
  body.run(StreamBlock{}, shared);
}

struct StreamExecutor {
  cudaStream_t stream;

  template <class Body>
  void run(const Body& body) const {
    if (body.blocks() > INT32_MAX) throw std::length_error("CUDA: more blocks than a launch takes");
    execute<<<static_cast<unsigned>(body.blocks()), kThreads, 0, stream>>>(body);
    check(cudaGetLastError(), "launching a kernel");
  }

  void zero(void* data, int64_t bytes) const {
    check(cudaMemsetAsync(data, 0, static_cast<size_t>(bytes), stream), "clearing memory");
  }
};

int squaredNorms(HushgradCudaContext* context, const HushgradCudaRows* rows, double* result);
int clipAndSum(HushgradCudaContext* context, const HushgradCudaRows* rows, const HushgradCudaClip* clip, float* sum,
               double* norms, float* factors);
int sparsify(HushgradCudaContext* context, const HushgradCudaRows* rows);
int privatize(HushgradCudaContext* context, const HushgradCudaUpdate* update);

}  // namespace hushgrad::cuda
