#include "addon/plan_object.h"

namespace hushgrad {

static Napi::Object layerObject(Napi::Env env, const LayerPlan& layer) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("path", layer.path);
  object.Set("kind", layer.kind);
  object.Set("implementation", layer.implementation);
  object.Set("method", layer.method);
  object.Set("parameters", static_cast<double>(layer.parameters));
  object.Set("flops", layer.flops);
  object.Set("bytes", static_cast<double>(layer.bytes));
  return object;
}

Napi::Object planObject(Napi::Env env, const SessionPlan& plan) {
  Napi::Array layers = Napi::Array::New(env, plan.layers.size());
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    layers.Set(static_cast<uint32_t>(i), layerObject(env, plan.layers[i]));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("layers", layers);
  object.Set("chunkSize", static_cast<double>(plan.chunkSize));
  object.Set("lanes", static_cast<double>(plan.lanes));
  object.Set("threads", static_cast<double>(plan.threads));
  object.Set("sliceSize", static_cast<double>(plan.sliceSize));
  object.Set("parameterBytes", static_cast<double>(plan.parameterBytes));
  object.Set("workerBytes", static_cast<double>(plan.workerBytes));
  object.Set("totalBytes", static_cast<double>(plan.totalBytes));
  return object;
}

}  // namespace hushgrad
