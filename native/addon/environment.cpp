#include "addon/environment.h"

#include <algorithm>
#include <cstring>

#include "addon/work_thread.h"

namespace hushgrad {

Environment::Environment(Napi::Env env)
    : float32Array(Napi::Persistent(env.Global().Get("Float32Array").As<Napi::Function>())),
      float64Array(Napi::Persistent(env.Global().Get("Float64Array").As<Napi::Function>())) {}

Environment& Environment::of(Napi::Env env) {
  return *env.GetInstanceData<Environment>();
}

void Environment::add(std::shared_ptr<WorkThread> thread) {
  threads.insert(std::move(thread));
}

void Environment::remove(WorkThread* thread) {
  auto found =
      std::find_if(threads.begin(), threads.end(), [thread](const auto& held) { return held.get() == thread; });
  if (found != threads.end()) threads.erase(found);
}

WorkThread& Environment::kernelThread(Napi::Env env) {
  if (!ofKernels)
    ofKernels = WorkThread::start(
        env, [] {}, [] {});
  return *ofKernels;
}

void Environment::stopAll() {
  while (!threads.empty()) {
    std::shared_ptr<WorkThread> thread = *threads.begin();
    thread->stop();
  }
}

template <class Array, class Number>
static Array copyOf(const Napi::FunctionReference& constructor, Napi::Env env, const Number* values, size_t count) {
  Array array = constructor.New({Napi::Number::New(env, static_cast<double>(count))}).template As<Array>();
  if (count > 0) std::memcpy(array.Data(), values, count * sizeof(Number));
  return array;
}

Napi::Float32Array Environment::floats(Napi::Env env, const float* values, size_t count) {
  return copyOf<Napi::Float32Array>(float32Array, env, values, count);
}

Napi::Float64Array Environment::doubles(Napi::Env env, const double* values, size_t count) {
  return copyOf<Napi::Float64Array>(float64Array, env, values, count);
}

}  // namespace hushgrad
