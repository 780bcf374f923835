// What the addon keeps for one Node.js environment (the main thread, each worker thread): nothing is global, so it
// loads, runs and ends in several of them side by side.
#pragma once

#include <napi.h>

#include <memory>
#include <set>

namespace hushgrad {

class WorkThread;
class DeviceState;

class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment& of(Napi::Env env);

  void add(std::shared_ptr<WorkThread> thread);
  void remove(WorkThread* thread);
  // The thread of the calls that belong to no session, one after the other; started at the first.
  WorkThread& kernelThread(Napi::Env env);
  // Cancels and joins every work thread: process.exit() frees libraries' state while threads still run.
  void stopAll();

  // The GPU of this environment; null until it is first used.
  std::shared_ptr<DeviceState> device;

  // Typed arrays are made by their JavaScript constructors, which throw a RangeError where memory is short;
  // napi_create_arraybuffer ends the process instead.
  Napi::Float32Array floats(Napi::Env env, const float* values, size_t count);
  Napi::Float64Array doubles(Napi::Env env, const double* values, size_t count);

 private:
  std::set<std::shared_ptr<WorkThread>> threads;
  std::shared_ptr<WorkThread> ofKernels;
  Napi::FunctionReference float32Array;
  Napi::FunctionReference float64Array;
};

}  // namespace hushgrad
