// Devices, streams, memory and copies; the table of functions that the library exports.
#include <cstring>
#include <memory>

#include "backend/cuda/library/context.h"

namespace hushgrad::cuda {

static thread_local std::string lastMessage;

void setLastError(const char* message) {
  lastMessage = message;
}

static const char* lastError() {
  return lastMessage.c_str();
}

static void free(HushgradCudaContext* context) {
  cudaSetDevice(context->device);
  // An idle stream first: what still runs may use the memory.
  if (context->stream != nullptr) cudaStreamSynchronize(context->stream);
  if (context->side != nullptr) cudaStreamSynchronize(context->side);
  cudaFree(context->scratch);
  for (cudaEvent_t event : {context->privatized, context->sideDone, context->slots[0], context->slots[1]}) {
    if (event != nullptr) cudaEventDestroy(event);
  }
  for (cudaStream_t stream : {context->stream, context->side}) {
    if (stream != nullptr) cudaStreamDestroy(stream);
  }
  delete context;
}

static int deviceCount(int32_t* count) {
  *count = 0;
  return answered(nullptr, [=] {
    int driver = 0;
    check(cudaDriverGetVersion(&driver), "asking the driver");
    // What CUDA itself would say is that the driver is too old.
    if (driver == 0) throw std::runtime_error("no NVIDIA driver is installed");
    check(cudaGetDeviceCount(count), "looking for a GPU");
  });
}

static int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "asking the device");
  return value;
}

static int open(int32_t device, HushgradCudaContext** opened) {
  return answered(nullptr, [=] {
    std::unique_ptr<HushgradCudaContext, decltype(&free)> context(new HushgradCudaContext, free);
    context->device = device;
    check(cudaSetDevice(device), "choosing the device");
    context->hardware = {attribute(cudaDevAttrL2CacheSize, device), attribute(cudaDevAttrMultiProcessorCount, device)};
    for (cudaStream_t* stream : {&context->stream, &context->side}) {
      check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "creating a stream");
    }
    for (cudaEvent_t* event : {&context->privatized, &context->sideDone, &context->slots[0], &context->slots[1]}) {
      check(cudaEventCreateWithFlags(event, cudaEventDisableTiming), "creating an event");
    }
    *opened = context.release();
  });
}

static int describe(HushgradCudaContext* context, HushgradCudaDevice* result) {
  return answered(context, [=] {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, context->device), "asking the device");
    std::memcpy(result->name, properties.name, sizeof result->name);
    result->name[sizeof result->name - 1] = 0;
    result->computeMajor = properties.major;
    result->computeMinor = properties.minor;
    result->multiprocessors = properties.multiProcessorCount;
    result->memoryBytes = static_cast<int64_t>(properties.totalGlobalMem);
    result->cacheBytes = context->hardware.cacheBytes;
    check(cudaDriverGetVersion(&result->driver), "asking the driver");
    check(cudaRuntimeGetVersion(&result->runtime), "asking the runtime");
  });
}

// ---- Memory

static int allocate(HushgradCudaContext* context, int64_t bytes, void** data) {
  return answered(context, [=] {
    check(cudaMalloc(data, static_cast<size_t>(bytes)), "allocating memory");
    check(cudaMemsetAsync(*data, 0, static_cast<size_t>(bytes), context->stream), "clearing memory");
  });
}

static void release(HushgradCudaContext* context, void* data) {
  // cudaFree waits for the device by itself.
  answered(context, [=] { check(cudaFree(data), "freeing memory"); });
}

static int allocatePinned(HushgradCudaContext* context, int64_t bytes, void** data) {
  return answered(context, [=] {
    check(cudaHostAlloc(data, static_cast<size_t>(bytes), cudaHostAllocDefault), "allocating pinned memory");
  });
}

static void releasePinned(HushgradCudaContext* context, void* data) {
  answered(context, [=] { check(cudaFreeHost(data), "freeing pinned memory"); });
}

static int zero(HushgradCudaContext* context, void* data, int64_t bytes) {
  return answered(context, [=] { StreamExecutor{context->stream}.zero(data, bytes); });
}

static void copy(HushgradCudaContext* context, void* to, int64_t toStride, const void* from, int64_t fromStride,
                 int64_t width, int64_t rows, cudaMemcpyKind kind) {
  if (width == 0 || rows == 0) return;
  check(cudaMemcpy2DAsync(to, static_cast<size_t>(toStride), from, static_cast<size_t>(fromStride),
                          static_cast<size_t>(width), static_cast<size_t>(rows), kind, context->stream),
        "copying");
  check(cudaStreamSynchronize(context->stream), "copying");
}

static int upload(HushgradCudaContext* context, void* to, int64_t toStride, const void* from, int64_t fromStride,
                  int64_t width, int64_t rows) {
  return answered(context, [=] { copy(context, to, toStride, from, fromStride, width, rows, cudaMemcpyHostToDevice); });
}

static int download(HushgradCudaContext* context, void* to, int64_t toStride, const void* from, int64_t fromStride,
                    int64_t width, int64_t rows) {
  return answered(context, [=] { copy(context, to, toStride, from, fromStride, width, rows, cudaMemcpyDeviceToHost); });
}

static int synchronize(HushgradCudaContext* context) {
  return answered(context, [=] { check(cudaStreamSynchronize(context->stream), "waiting for the device"); });
}

// ---- Uploads beside the kernels

static int sideBegin(HushgradCudaContext* context) {
  return answered(context, [=] {
    check(cudaStreamWaitEvent(context->side, context->privatized, 0), "waiting for the last update");
  });
}

static int sideChunk(HushgradCudaContext* context, int32_t slot, void* to, const void* from, int64_t bytes) {
  return answered(context, [=] {
    check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, context->side), "copying");
    check(cudaEventRecord(context->slots[slot], context->side), "copying");
  });
}

static int sideWait(HushgradCudaContext* context, int32_t slot) {
  return answered(context, [=] { check(cudaEventSynchronize(context->slots[slot]), "waiting for a copy"); });
}

static int sideEnd(HushgradCudaContext* context) {
  return answered(context, [=] {
    check(cudaEventRecord(context->sideDone, context->side), "ending the copies");
    check(cudaStreamWaitEvent(context->stream, context->sideDone, 0), "ending the copies");
  });
}

}  // namespace hushgrad::cuda

extern "C" __attribute__((visibility("default"))) const HushgradCudaApi* hushgradCudaApi(void) {
  using namespace hushgrad::cuda;
  static const HushgradCudaApi api = {HUSHGRAD_CUDA_ABI,
                                      lastError,
                                      deviceCount,
                                      open,
                                      hushgrad::cuda::free,
                                      describe,
                                      allocate,
                                      release,
                                      allocatePinned,
                                      releasePinned,
                                      zero,
                                      upload,
                                      download,
                                      synchronize,
                                      sideBegin,
                                      sideChunk,
                                      sideWait,
                                      sideEnd,
                                      squaredNorms,
                                      clipAndSum,
                                      sparsify,
                                      privatize};
  return &api;
}
