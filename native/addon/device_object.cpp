#include "addon/device_object.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "addon/arguments.h"
#include "addon/device_buffer_wrap.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/spec_reader.h"
#include "privatize/optimizer.h"

namespace hushgrad {

static constexpr int64_t kMostSteps = (int64_t{1} << 53) - 1;

// ---- status()

static Napi::Object describeDevice(Napi::Env env, const HushgradCudaDevice& device) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", std::string(device.name));
  object.Set("computeCapability", std::to_string(device.computeMajor) + "." + std::to_string(device.computeMinor));
  object.Set("multiprocessors", device.multiprocessors);
  object.Set("memoryBytes", static_cast<double>(device.memoryBytes));
  object.Set("cacheBytes", static_cast<double>(device.cacheBytes));
  object.Set("driver", std::to_string(device.driver / 1000) + "." + std::to_string(device.driver % 1000 / 10));
  object.Set("runtime", std::to_string(device.runtime / 1000) + "." + std::to_string(device.runtime % 1000 / 10));
  return object;
}

static Napi::Value status(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  const CudaLibrary& library = cudaLibrary();
  Napi::Object object = Napi::Object::New(env);
  object.Set("built", library.built);
  object.Set("library", library.path);
  const std::string problem = cudaProblem();
  object.Set("problem", problem);
  object.Set("device", env.Null());
  if (!problem.empty()) return object;
  try {
    object.Set("device", describeDevice(env, DeviceState::of(env).device->description()));
  } catch (const std::runtime_error& error) {
    object.Set("problem", std::string(error.what()));
  }
  return object;
}

// ---- Kernels. Device buffers whose shapes do not fit are refused by Device, with the argument's name.

// squaredNorms(gradients, mask | null) → Float64Array
static Napi::Value squaredNorms(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  DeviceBuffer& gradients = DeviceBufferWrap::of(call[0], "gradients");
  DeviceBuffer* mask = DeviceBufferWrap::orNull(call[1], "mask");
  Napi::Float64Array result = Environment::of(env).doubles(env, nullptr, 0);
  guarded(env, [&] {
    DeviceBuffer norms(gradients.device, DeviceElement::float64, 1, gradients.rows);
    gradients.device->squaredNorms(gradients, mask, norms);
    std::vector<double> values(static_cast<size_t>(gradients.rows));
    norms.download(values.data());
    result = Environment::of(env).doubles(env, values.data(), values.size());
  });
  return result;
}

// clipAndSum(gradients, mask | null, sum, function, attributes, threshold)
static void clipAndSum(const Napi::CallbackInfo& call) {
  DeviceBuffer& gradients = DeviceBufferWrap::of(call[0], "gradients");
  DeviceBuffer* mask = DeviceBufferWrap::orNull(call[1], "mask");
  DeviceBuffer& sum = DeviceBufferWrap::of(call[2], "sum");
  const std::string function = text(call[3], "function");
  const Attributes attributes = readAttributes(call[4], "attributes");
  const double threshold = finiteNumber(call[5], "threshold", 0, true);
  guarded(call.Env(),
          [&] { gradients.device->clipAndSum(gradients, mask, clipRule(function, threshold, attributes), sum); });
}

// sparsify(gradients, mask)
static void sparsify(const Napi::CallbackInfo& call) {
  DeviceBuffer& gradients = DeviceBufferWrap::of(call[0], "gradients");
  DeviceBuffer& mask = DeviceBufferWrap::of(call[1], "mask");
  guarded(call.Env(), [&] { gradients.device->sparsify(gradients, mask); });
}

static NoiseKey readKey(const Napi::Value& value) {
  NoiseKey key;
  const auto* bytes = static_cast<const uint8_t*>(typedArray(value, "key", napi_uint8_array, key.size()));
  std::copy_n(bytes, key.size(), key.begin());
  return key;
}

static void readState(const Napi::Value& value, DeviceUpdate& update) {
  Napi::Array buffers = list(value, "state");
  const auto wanted = static_cast<uint32_t>(slotsOf(update.rule));
  if (buffers.Length() != wanted) {
    throw Napi::RangeError::New(value.Env(), "state: got " + describe(value) + ", expected an array of " +
                                                 std::to_string(wanted) + " device buffers");
  }
  for (uint32_t slot = 0; slot < wanted; ++slot) {
    update.state[slot] = &DeviceBufferWrap::of(buffers.Get(slot), "state[" + std::to_string(slot) + "]");
  }
}

// privatize({sum, mask, parameters, state, optimizer, learningRate, step, normalizer, deviation, key})
static void privatize(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  Napi::Object given = object(call[0], "update");
  Napi::Object optimizer = object(given.Get("optimizer"), "optimizer");
  const OptimizerSpec spec{text(optimizer.Get("kind"), "optimizer.kind"),
                           readAttributes(optimizer.Get("attributes"), "optimizer.attributes")};
  const OptimizerStep step{finiteNumber(given.Get("learningRate"), "learningRate", 0),
                           wholeNumber(given.Get("step"), "step", 1, kMostSteps)};
  DeviceUpdate update{};
  update.sum = &DeviceBufferWrap::of(given.Get("sum"), "sum");
  update.mask = DeviceBufferWrap::orNull(given.Get("mask"), "mask");
  update.parameter = &DeviceBufferWrap::of(given.Get("parameters"), "parameters");
  update.normalizer = finiteNumber(given.Get("normalizer"), "normalizer", 0, true);
  update.deviation = finiteNumber(given.Get("deviation"), "deviation", 0);
  update.rule = guarded(env, [&] { return makeOptimizer(spec)->rule(step); });
  readState(given.Get("state"), update);
  NoiseKey key = readKey(given.Get("key"));
  guarded(env, [&] {
    DeviceState& state = DeviceState::of(env);
    state.noise.setKey(key);
    OPENSSL_cleanse(key.data(), key.size());
    update.noise = &state.noise;
    update.stream = static_cast<uint64_t>(step.step);
    update.workers = state.workers;
    update.parameter->device->privatize(update);
  });
}

static void synchronize(const Napi::CallbackInfo& call) {
  guarded(call.Env(), [&] { DeviceState::of(call.Env()).device->synchronize(); });
}

Napi::Object deviceObject(Napi::Env env) {
  Napi::Object device = Napi::Object::New(env);
  device.Set("Buffer", DeviceBufferWrap::define(env));
  device.Set("status", Napi::Function::New(env, status, "status"));
  device.Set("squaredNorms", Napi::Function::New(env, squaredNorms, "squaredNorms"));
  device.Set("clipAndSum", Napi::Function::New(env, clipAndSum, "clipAndSum"));
  device.Set("sparsify", Napi::Function::New(env, sparsify, "sparsify"));
  device.Set("privatize", Napi::Function::New(env, privatize, "privatize"));
  device.Set("synchronize", Napi::Function::New(env, synchronize, "synchronize"));
  return device;
}

}  // namespace hushgrad
