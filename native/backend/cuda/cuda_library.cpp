#include "backend/cuda/cuda_library.h"

#include <dlfcn.h>

#include <cstdlib>

namespace hushgrad {

constexpr const char* kFileName = "libhushgrad_cuda.so";

// Beside the addon, or the program, that this function was linked into.
static std::string besideThisCode() {
  Dl_info here{};
  if (dladdr(reinterpret_cast<void*>(&besideThisCode), &here) == 0 || here.dli_fname == nullptr) return kFileName;
  const std::string file = here.dli_fname;
  const size_t slash = file.rfind('/');
  return slash == std::string::npos ? kFileName : file.substr(0, slash + 1) + kFileName;
}

// Empty: none.
static std::string wantedPath() {
  const char* set = std::getenv("HUSHGRAD_CUDA_LIBRARY");
  if (set != nullptr && *set != 0) return set;
  return whyBuiltWithoutCuda() == nullptr ? besideThisCode() : "";
}

static std::string lastProblem() {
  const char* text = dlerror();
  return text != nullptr ? text : "unknown";
}

static CudaLibrary load() {
  CudaLibrary library{nullptr, whyBuiltWithoutCuda() == nullptr, wantedPath(), ""};
  if (library.path.empty()) {
    library.problem = whyBuiltWithoutCuda();
    return library;
  }
  // Never unloaded: the CUDA runtime in it keeps threads.
  void* handle = dlopen(library.path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    library.problem = lastProblem();
    return library;
  }
  using Entry = const HushgradCudaApi* (*)();
  auto entry = reinterpret_cast<Entry>(dlsym(handle, "hushgradCudaApi"));
  if (entry == nullptr) {
    library.problem = lastProblem();
    return library;
  }
  const HushgradCudaApi* api = entry();
  if (api->abi != HUSHGRAD_CUDA_ABI) {
    library.problem = library.path + ": another version's library (" + std::to_string(api->abi) + ", expected " +
                      std::to_string(HUSHGRAD_CUDA_ABI) + ")";
    return library;
  }
  library.api = api;
  return library;
}

const CudaLibrary& cudaLibrary() {
  static const CudaLibrary library = load();
  return library;
}

}  // namespace hushgrad
