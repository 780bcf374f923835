// Built without CUDA: says so.
#include "backend/cuda/cuda_library.h"

namespace hushgrad {

const char* whyBuiltWithoutCuda() {
  return "built without CUDA: there was no nvcc of CUDA 12 or later when hushgrad was built";
}

}  // namespace hushgrad
