// Built without CUDA: says so.
#include "backend/cuda/cuda_library.h"

namespace hushgrad {

const CudaLibrary& cudaLibrary() {
  static const CudaLibrary library{nullptr, false, "",
                                   "built without CUDA: there was no nvcc of CUDA 12 or later when hushgrad was built"};
  return library;
}

}  // namespace hushgrad
