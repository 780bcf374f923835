// The CUDA library, where there is one. hushgrad itself links nothing of CUDA: cuda_library.cpp loads
// libhushgrad_cuda.so at run time; no_cuda.cpp stands in for it where hushgrad was built without.
#pragma once

#include <string>

#include "backend/cuda/cuda_api.h"

namespace hushgrad {

struct CudaLibrary {
  const HushgradCudaApi* api = nullptr;  // null: no library
  bool built = false;                    // whether this build of hushgrad came with one
  std::string path;                      // what was loaded, or looked for
  std::string problem;                   // why api is null
};

// Looked for once, at the first call: HUSHGRAD_CUDA_LIBRARY where that is set, else beside the file that this code is
// in. Thread-safe; never throws because something is missing.
const CudaLibrary& cudaLibrary();

}  // namespace hushgrad
