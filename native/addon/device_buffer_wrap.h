// A device buffer as a JavaScript object: freed by dispose() or when the object is collected.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "backend/cuda/device.h"

namespace hushgrad {

// What one environment keeps of its GPU.
class DeviceState {
 public:
  // Of this environment, opened at the first call; throws std::runtime_error where there is no GPU.
  static DeviceState& of(Napi::Env env);

  std::shared_ptr<Device> device;
  GaussianNoise noise;
  int workers = 1;
};

class DeviceBufferWrap : public Napi::ObjectWrap<DeviceBufferWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  // The live buffer behind a value; TypeError where it is none, Error where it has been disposed of.
  static DeviceBuffer& of(const Napi::Value& value, const std::string& name);
  // The same, or null for null.
  static DeviceBuffer* orNull(const Napi::Value& value, const std::string& name);

  explicit DeviceBufferWrap(const Napi::CallbackInfo& call);
  void Finalize(Napi::Env env) override;

 private:
  void upload(const Napi::CallbackInfo& call);
  Napi::Value download(const Napi::CallbackInfo& call);
  void zero(const Napi::CallbackInfo& call);
  void dispose(const Napi::CallbackInfo& call);
  void end(Napi::Env env);
  DeviceBuffer& live(Napi::Env env);

  std::unique_ptr<DeviceBuffer> buffer;
};

}  // namespace hushgrad
