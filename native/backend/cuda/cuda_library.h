// The CUDA library, where there is one. hushgrad itself links nothing of CUDA: libhushgrad_cuda.so is loaded at run
// time. with_cuda.cpp or no_cuda.cpp is linked in, and says whether this build came with one.
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

// Looked for once, at the first call: HUSHGRAD_CUDA_LIBRARY where that is set, else, where this build came with one,
// beside the file that this code is in. Thread-safe; never throws because something is missing.
const CudaLibrary& cudaLibrary();

// Null where this build came with a CUDA library.
const char* whyBuiltWithoutCuda();

}  // namespace hushgrad
