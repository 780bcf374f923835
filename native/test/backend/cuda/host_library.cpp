// Stands in for libhushgrad_cuda.so where there is no GPU: the same border, the same calls and bodies, on the CPU. So
// that the loader, the buffers, the chunks of noise and all that is above them are tested everywhere.
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "backend/cuda/library/calls.h"
#include "test/backend/cuda/host_executor.h"

struct HushgradCudaContext {
  // Small, so that a few rows make several groups; one call's scratch is not the next one's.
  hushgrad::cuda::Hardware hardware{1 << 20, 8};
  std::vector<double> scratch;

  void* scratchFor(int64_t bytes) {
    scratch.assign(static_cast<size_t>(bytes) / sizeof(double) + 2, 0);
    // vector's memory is a multiple of sixteen bytes, as the accumulators want it.
    return scratch.data();
  }
  hushgrad::cuda::HostExecutor executor() const { return {}; }
};

namespace hushgrad::cuda {

static thread_local std::string lastMessage;

static const char* lastError() {
  return lastMessage.c_str();
}

template <class Body>
static int answered(Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    lastMessage = error.what();
    return 1;
  }
}

static int deviceCount(int32_t* count) {
  *count = 1;
  return 0;
}

static int open(int32_t device, HushgradCudaContext** context) {
  return answered([=] {
    if (device != 0) throw std::out_of_range("no such device");
    *context = new HushgradCudaContext;
  });
}

static void close(HushgradCudaContext* context) {
  delete context;
}

static int describe(HushgradCudaContext* context, HushgradCudaDevice* device) {
  *device = {"the CPU in place of a GPU", 0, 0, static_cast<int32_t>(context->hardware.multiprocessors), 0, 0, 0,
             context->hardware.cacheBytes};
  return 0;
}

static int allocate(HushgradCudaContext*, int64_t bytes, void** data) {
  const size_t size = (static_cast<size_t>(bytes) + 63) / 64 * 64;
  *data = std::aligned_alloc(64, size);
  if (*data != nullptr) std::memset(*data, 0, size);
  return *data == nullptr ? answered([] { throw std::bad_alloc(); }) : 0;
}

static void release(HushgradCudaContext*, void* data) {
  std::free(data);
}

static int zero(HushgradCudaContext*, void* data, int64_t bytes) {
  std::memset(data, 0, static_cast<size_t>(bytes));
  return 0;
}

static int copy(HushgradCudaContext*, void* to, int64_t toStride, const void* from, int64_t fromStride, int64_t width,
                int64_t rows) {
  for (int64_t row = 0; row < rows; ++row) {
    std::memcpy(static_cast<char*>(to) + row * toStride, static_cast<const char*>(from) + row * fromStride,
                static_cast<size_t>(width));
  }
  return 0;
}

static int nothing(HushgradCudaContext*) {
  return 0;
}

static int sideChunk(HushgradCudaContext*, int32_t, void* to, const void* from, int64_t bytes) {
  std::memcpy(to, from, static_cast<size_t>(bytes));
  return 0;
}

static int sideWait(HushgradCudaContext*, int32_t) {
  return 0;
}

static int squaredNorms(HushgradCudaContext* context, const HushgradCudaRows* rows, double* result) {
  return answered([=] { callSquaredNorms(*context, *rows, result); });
}

static int clipAndSum(HushgradCudaContext* context, const HushgradCudaRows* rows, const HushgradCudaClip* clip,
                      float* sum, double* norms, float* factors) {
  return answered([=] { callClipAndSum(*context, *rows, *clip, sum, NormOutputs{norms, factors}); });
}

static int sparsify(HushgradCudaContext* context, const HushgradCudaRows* rows) {
  return answered([=] { callSparsify(*context, *rows); });
}

static int privatize(HushgradCudaContext* context, const HushgradCudaUpdate* update) {
  return answered([=] { callPrivatize(*context, *update); });
}

}  // namespace hushgrad::cuda

extern "C" __attribute__((visibility("default"))) const HushgradCudaApi* hushgradCudaApi(void) {
  using namespace hushgrad::cuda;
  static const HushgradCudaApi api = {HUSHGRAD_CUDA_ABI,
                                      lastError,
                                      deviceCount,
                                      hushgrad::cuda::open,
                                      hushgrad::cuda::close,
                                      describe,
                                      allocate,
                                      release,
                                      allocate,
                                      release,
                                      zero,
                                      copy,
                                      copy,
                                      nothing,
                                      nothing,
                                      sideChunk,
                                      sideWait,
                                      nothing,
                                      hushgrad::cuda::squaredNorms,
                                      hushgrad::cuda::clipAndSum,
                                      hushgrad::cuda::sparsify,
                                      hushgrad::cuda::privatize};
  return &api;
}
