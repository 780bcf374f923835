// A GPU and memory on it, as C++ objects over the border of cuda_api.h. Buffers stay on the device between calls; work
// on them is enqueued in order and may still run when a call returns. For one thread at a time.
// Everything throws std::runtime_error with CUDA's reason where the device refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "backend/cuda/cuda_library.h"
#include "clipping/clip_rules.h"
#include "privatize/noise.h"
#include "privatize/update_rules.h"

namespace hushgrad {

class DeviceBuffer;

// What keeps this machine from computing on a GPU, or an empty string.
std::string cudaProblem();

// gradient = (sum + N(0, deviation²)) / normalizer, then the optimizer; buffers are rows of float32 of one length.
struct DeviceUpdate {
  const DeviceBuffer* sum;
  const DeviceBuffer* mask;  // null: everything is kept
  double normalizer;
  DeviceBuffer* parameter;
  DeviceBuffer* state[3];  // as many as the rule has slots, the others null
  UpdateRule rule;
  double deviation;            // σ·S; 0: no noise
  const GaussianNoise* noise;  // with its key set; never the same stream twice under one key
  uint64_t stream;
  int workers;  // threads that make noise, reserved in `noise`
};

class Device : public std::enable_shared_from_this<Device> {
 public:
  // Throws std::runtime_error with cudaProblem() where there is none, and for a number that no device has.
  static std::shared_ptr<Device> open(int number);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  HushgradCudaDevice description() const;
  void synchronize() const;

  // squaredNorms [rows], float64.
  void squaredNorms(const DeviceBuffer& gradients, const DeviceBuffer* mask, DeviceBuffer& squaredNorms) const;
  // sum [1, columns] float32 += Σ_b factor_b · g_b.
  void clipAndSum(const DeviceBuffer& gradients, const DeviceBuffer* mask, const ClipRule& rule,
                  DeviceBuffer& sum) const;
  void sparsify(DeviceBuffer& gradients, const DeviceBuffer& mask) const;
  // The noise is made on the CPU, in chunks, while the device goes on with what was enqueued before.
  void privatize(const DeviceUpdate& update);

 private:
  friend class DeviceBuffer;
  explicit Device(HushgradCudaContext* context) : context(context) {}

  void fillNormals(const DeviceUpdate& update);

  HushgradCudaContext* const context;
  float* pinned[2] = {nullptr, nullptr};
  float* normals = nullptr;  // on the device; grows to the largest parameter so far
  int64_t normalsCount = 0;
};

enum class DeviceElement { float32, bfloat16, float16, float64, bits32 };

// [rows, columns] on the device, zeros at first. bits32: 32-bit words, of a mask for instance.
class DeviceBuffer {
 public:
  DeviceBuffer(std::shared_ptr<Device> device, DeviceElement element, int64_t rows, int64_t columns);
  ~DeviceBuffer();
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  // values [rows, columns] without padding. Both wait until the copy is done.
  void upload(const void* values);
  void download(void* values) const;
  void zero();

  int64_t bytes() const { return rows * stride; }
  template <class Value>
  Value* as() const {
    return static_cast<Value*>(data);
  }

  const std::shared_ptr<Device> device;
  const DeviceElement element;
  const int64_t rows, columns;
  const int64_t width, stride;  // of a row, in bytes

 private:
  void* data = nullptr;
};

int64_t elementBytes(DeviceElement element);

}  // namespace hushgrad
