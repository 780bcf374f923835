// Built with CUDA: the library lies beside the addon.
#include "backend/cuda/cuda_library.h"

namespace hushgrad {

const char* whyBuiltWithoutCuda() {
  return nullptr;
}

}  // namespace hushgrad
