#include "backend/cuda/device.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <stdexcept>

namespace hushgrad {

// Samples of one upload: 4 MB, so that making the next ones and copying these go side by side.
constexpr int64_t kNoiseChunk = int64_t{1} << 20;
constexpr int64_t kFloat = sizeof(float);
static_assert(kNoiseChunk % GaussianNoise::kBlock == 0, "a chunk of noise starts at a block");

static const HushgradCudaApi& api() {
  return *cudaLibrary().api;
}

static void check(int status) {
  if (status != 0) throw std::runtime_error(api().lastError());
}

std::string cudaProblem() {
  const CudaLibrary& library = cudaLibrary();
  if (library.api == nullptr) return library.problem;
  int32_t count = 0;
  if (library.api->deviceCount(&count) != 0) return library.api->lastError();
  return count > 0 ? "" : "CUDA finds no GPU";
}

std::shared_ptr<Device> Device::open(int number) {
  const std::string problem = cudaProblem();
  if (!problem.empty()) throw std::runtime_error("no GPU: " + problem);
  HushgradCudaContext* context = nullptr;
  check(api().open(number, &context));
  std::shared_ptr<Device> device(new Device(context));
  for (float*& memory : device->pinned) {
    void* data = nullptr;
    check(api().allocatePinned(context, kNoiseChunk * kFloat, &data));
    memory = static_cast<float*>(data);
  }
  return device;
}

Device::~Device() {
  // Copies out of the pinned memory may still be under way.
  api().synchronize(context);
  api().release(context, normals);
  for (float* memory : pinned) {
    if (memory == nullptr) continue;
    std::fill_n(memory, kNoiseChunk, 0.0f);  // noise is as secret as its key
    api().releasePinned(context, memory);
  }
  api().close(context);
}

HushgradCudaDevice Device::description() const {
  HushgradCudaDevice result{};
  check(api().describe(context, &result));
  return result;
}

void Device::synchronize() const {
  check(api().synchronize(context));
}

static int32_t rowElement(DeviceElement element) {
  switch (element) {
    case DeviceElement::float32:
      return HUSHGRAD_CUDA_FLOAT32;
    case DeviceElement::bfloat16:
      return HUSHGRAD_CUDA_BFLOAT16;
    case DeviceElement::float16:
      return HUSHGRAD_CUDA_FLOAT16;
    default:
      throw std::invalid_argument("gradients: expected float32, bfloat16 or float16");
  }
}

static void require(bool holds, const char* message) {
  if (!holds) throw std::invalid_argument(message);
}

static const uint32_t* maskOf(const DeviceBuffer* mask, int64_t columns) {
  if (mask == nullptr) return nullptr;
  require(mask->element == DeviceElement::bits32 && mask->rows == 1 && mask->columns == (columns + 31) / 32,
          "mask: expected one row of a bit a column, in words of 32");
  return mask->as<uint32_t>();
}

static void requireVector(const DeviceBuffer& buffer, DeviceElement element, int64_t columns, const char* message) {
  require(buffer.element == element && buffer.rows == 1 && buffer.columns == columns, message);
}

static HushgradCudaRows rowsOf(const DeviceBuffer& gradients, const DeviceBuffer* mask) {
  return {rowElement(gradients.element),  gradients.rows, gradients.columns, gradients.stride, gradients.as<void>(),
          maskOf(mask, gradients.columns)};
}

void Device::squaredNorms(const DeviceBuffer& gradients, const DeviceBuffer* mask, DeviceBuffer& result) const {
  requireVector(result, DeviceElement::float64, gradients.rows, "squaredNorms: expected a float64 a row");
  const HushgradCudaRows rows = rowsOf(gradients, mask);
  check(api().squaredNorms(context, &rows, result.as<double>()));
}

void Device::clipAndSum(const DeviceBuffer& gradients, const DeviceBuffer* mask, const ClipRule& rule,
                        DeviceBuffer& sum) const {
  requireVector(sum, DeviceElement::float32, gradients.columns, "sum: expected one row of a float32 a column");
  const HushgradCudaRows rows = rowsOf(gradients, mask);
  const HushgradCudaClip clip{static_cast<int32_t>(rule.kind), rule.threshold, rule.parameter};
  check(api().clipAndSum(context, &rows, &clip, sum.as<float>(), nullptr, nullptr));
}

void Device::sparsify(DeviceBuffer& gradients, const DeviceBuffer& mask) const {
  const HushgradCudaRows rows = rowsOf(gradients, &mask);
  check(api().sparsify(context, &rows));
}

// Whole blocks for each worker, so that their ranges never share a block.
static void fillShare(const GaussianNoise& noise, uint64_t stream, uint64_t first, int64_t count, float* out,
                      int worker, int workers) {
  const int64_t blocks = (count + GaussianNoise::kBlock - 1) / GaussianNoise::kBlock;
  const int64_t begin = blocks * worker / workers * GaussianNoise::kBlock;
  const int64_t end = std::min(count, blocks * (worker + 1) / workers * GaussianNoise::kBlock);
  if (begin < end) noise.fill(stream, first + static_cast<uint64_t>(begin), end - begin, out + begin, worker);
}

static void fillChunk(const GaussianNoise& noise, uint64_t stream, uint64_t first, int64_t count, float* out,
                      int workers) {
  std::exception_ptr failure;  // none may leave the parallel region
#pragma omp parallel for num_threads(workers) schedule(static, 1)
  for (int worker = 0; worker < workers; ++worker) {
    try {
      fillShare(noise, stream, first, count, out, worker, workers);
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

// normals[i] = sample i of the update's stream.
void Device::fillNormals(const DeviceUpdate& update) {
  const int64_t count = update.parameter->columns;
  if (count > normalsCount) {
    api().release(context, normals);
    normals = nullptr;
    normalsCount = 0;
    void* data = nullptr;
    check(api().allocate(context, count * kFloat, &data));
    normals = static_cast<float*>(data);
    normalsCount = count;
    check(api().synchronize(context));  // the copies are on a stream of their own, and the memory is being cleared
  }
  check(api().sideBegin(context));
  int32_t slot = 0;
  for (int64_t done = 0; done < count; done += kNoiseChunk, slot = 1 - slot) {
    const int64_t size = std::min(kNoiseChunk, count - done);
    check(api().sideWait(context, slot));
    fillChunk(*update.noise, update.stream, static_cast<uint64_t>(done), size, pinned[slot], update.workers);
    check(api().sideChunk(context, slot, normals + done, pinned[slot], size * kFloat));
  }
  check(api().sideEnd(context));
}

void Device::privatize(const DeviceUpdate& update) {
  const int64_t count = update.parameter->columns;
  requireVector(*update.parameter, DeviceElement::float32, count, "parameters: expected one row of float32");
  requireVector(*update.sum, DeviceElement::float32, count, "sum: expected a float32 a parameter");
  const bool noisy = update.deviation > 0;
  HushgradCudaUpdate call{count,
                          update.sum->as<float>(),
                          nullptr,
                          maskOf(update.mask, count),
                          deviationAtLeast(update.deviation),
                          static_cast<float>(1 / update.normalizer),
                          update.parameter->as<float>(),
                          {nullptr, nullptr, nullptr},
                          &update.rule,
                          sizeof update.rule};
  for (int slot = 0; slot < slotsOf(update.rule); ++slot) {
    require(update.state[slot] != nullptr, "state: fewer buffers than the optimizer has");
    requireVector(*update.state[slot], DeviceElement::float32, count, "state: expected a float32 a parameter");
    call.state[slot] = update.state[slot]->as<float>();
  }
  if (noisy) {
    // Rounded to 0 there would be no noise at all.
    require(call.deviation > 0 && call.deviation <= std::numeric_limits<float>::max(),
            "noise: its deviation is beyond what float32 holds");
    require(update.noise != nullptr && update.noise->hasKey(), "noise: its key has not been set");
    fillNormals(update);
    call.normals = normals;
  }
  check(api().privatize(context, &call));
}

// ---- Buffers

int64_t elementBytes(DeviceElement element) {
  switch (element) {
    case DeviceElement::bfloat16:
    case DeviceElement::float16:
      return 2;
    case DeviceElement::float64:
      return 8;
    default:
      return 4;
  }
}

static int64_t paddedTo(int64_t alignment, int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

DeviceBuffer::DeviceBuffer(std::shared_ptr<Device> device, DeviceElement element, int64_t rows, int64_t columns)
    : device(std::move(device)),
      element(element),
      rows(rows),
      columns(columns),
      width(columns * elementBytes(element)),
      stride(paddedTo(HUSHGRAD_CUDA_ALIGNMENT, width)) {
  require(rows >= 1 && columns >= 1, "buffer: expected at least one row and one column");
  check(api().allocate(this->device->context, bytes(), &data));
}

DeviceBuffer::~DeviceBuffer() {
  api().release(device->context, data);
}

void DeviceBuffer::upload(const void* values) {
  check(api().upload(device->context, data, stride, values, width, width, rows));
}

void DeviceBuffer::download(void* values) const {
  check(api().download(device->context, values, width, data, stride, width, rows));
}

void DeviceBuffer::zero() {
  check(api().zero(device->context, data, bytes()));
}

}  // namespace hushgrad
