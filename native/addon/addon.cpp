// The addon's entry: refuses a CPU that it could not run on, and exports the class Session, info(), kernels and device.
#include <napi.h>

#include "addon/device_object.h"
#include "addon/discrete_noise.h"
#include "addon/environment.h"
#include "addon/example_kernels.h"
#include "addon/kernels.h"
#include "addon/keystream.h"
#include "addon/largest.h"
#include "addon/session_wrap.h"
#include "backend/cpu/machine.h"
#include "layers/layer.h"

namespace hushgrad {

static Napi::Array strings(Napi::Env env, const std::vector<std::string>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) array.Set(static_cast<uint32_t>(i), values[i]);
  return array;
}

static Napi::Value info(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  const Machine& here = machine();
  Napi::Object libraries = Napi::Object::New(env);
  for (const auto& library : here.libraries) libraries.Set(library.first, library.second);
  Napi::Object object = Napi::Object::New(env);
  object.Set("layers", strings(env, registeredLayers()));
  object.Set("cpuFeatures", strings(env, here.cpuFeatures));
  object.Set("libraries", libraries);
  object.Set("cores", static_cast<double>(here.cores));
  return object;
}

// process.exit() runs no cleanup hook on the main thread, and destroys the libraries' state while sessions still
// compute; the process's own 'exit' event comes before that.
static void stopAtExit(Napi::Env env) {
  Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return;
  Napi::Object target = process.As<Napi::Object>();
  auto stop = [](const Napi::CallbackInfo& call) { Environment::of(call.Env()).stopAll(); };
  target.Get("once").As<Napi::Function>().Call(target,
                                               {Napi::String::New(env, "exit"), Napi::Function::New(env, stop)});
}

static Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  if (!machine().supported) {
    throw Napi::Error::New(env, "hushgrad cannot run on this CPU: it needs AVX2 and FMA (x86-64) or NEON (Arm)");
  }
  env.SetInstanceData(new Environment(env));
  stopAtExit(env);
  exports.Set("version", HUSHGRAD_VERSION);
  exports.Set("border", HUSHGRAD_BORDER);
  exports.Set("Session", SessionWrap::define(env));
  exports.Set("info", Napi::Function::New(env, info, "info"));
  exports.Set("kernels", kernelsObject(env));
  exports.Set("keystream", keystreamFunction(env));
  exports.Set("discreteNoise", discreteNoiseFunction(env));
  exports.Set("largest", largestFunction(env));
  exports.Set("examples", exampleKernelsObject(env));
  exports.Set("device", deviceObject(env));
  return exports;
}

}  // namespace hushgrad

static Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  return hushgrad::initialise(env, exports);
}

NODE_API_MODULE(hushgrad, initialise)
