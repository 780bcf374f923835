// Nothing is copied: a call works on the caller's typed arrays. While it runs on another thread it holds references to
// them, so that they are not collected; that nobody detaches their buffers meanwhile, src/kernels/hold.ts sees to.
#include "addon/example_kernels.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "addon/arguments.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/promise_task.h"
#include "addon/spec_reader.h"
#include "clipping/example_gradients.h"
#include "privatize/privatize_sum.h"

namespace hushgrad {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 40;
constexpr int64_t kMostThreads = 1024;

// The arrays of one call.
class Arrays {
 public:
  template <class Number>
  Number* get(const Napi::Value& value, const std::string& name, napi_typedarray_type type, int64_t elements) {
    const void* data = typedArray(value, name, type, elements);
    values.push_back(value);
    return static_cast<Number*>(const_cast<void*>(data));
  }
  std::vector<Napi::ObjectReference> hold() const {
    std::vector<Napi::ObjectReference> references;
    for (const Napi::Value& value : values) {
      references.push_back(Napi::Persistent(value.As<Napi::Object>()));
      references.back().SuppressDestruct();  // an environment that ends before the task frees them itself
    }
    return references;
  }

 private:
  std::vector<Napi::Value> values;
};

// work() touches no JavaScript; `answer` is read by the event loop afterwards.
struct Call {
  Arrays arrays;
  std::function<double()> work;
};

class KernelTask : public PromiseTask {
 public:
  KernelTask(Napi::Env env, const Call& call) : PromiseTask(env), held(call.arrays.hold()), compute(call.work) {}
  void work() override {
    if (cancelled) throw Cancelled();
    answer = compute();
  }

 protected:
  void release(Napi::Env) override {
    for (Napi::ObjectReference& reference : held) reference.Reset();
  }
  Napi::Value result(Napi::Env env) override { return Napi::Number::New(env, answer); }

 private:
  std::vector<Napi::ObjectReference> held;
  std::function<double()> compute;
  double answer = 0;
};

template <Call (*kRead)(const Napi::Object&)>
Napi::Value callNow(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value { return Napi::Number::New(env, kRead(object(info[0], "kernel")).work()); });
}

template <Call (*kRead)(const Napi::Object&)>
Napi::Value callLater(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto task = std::make_unique<KernelTask>(env, kRead(object(info[0], "kernel")));
    const Napi::Promise promise = task->promise();
    Environment::of(env).kernelThread(env).enqueue(std::move(task));
    return promise;
  });
}

// ---- Reading

bool given(const Napi::Value& value) {
  return !value.IsUndefined() && !value.IsNull();
}

cpu::RowType rowType(const Napi::Value& value) {
  const std::string name = text(value, "dtype");
  if (name == "f32") return cpu::RowType::float32;
  if (name == "bf16") return cpu::RowType::bfloat16;
  if (name == "f16") return cpu::RowType::float16;
  throw std::invalid_argument("dtype: got '" + name + "', expected 'f32', 'bf16' or 'f16'");
}

napi_typedarray_type arrayType(cpu::RowType type) {
  return type == cpu::RowType::float32 ? napi_float32_array : napi_uint16_array;
}

int threadCount(const Napi::Object& spec) {
  return static_cast<int>(wholeNumber(spec.Get("threads"), "threads", 1, kMostThreads));
}

// gradients, columns, examples, dtype, perBlock, kept, threads
ExampleGradients readGradients(const Napi::Object& spec, Arrays& arrays) {
  ExampleGradients gradients;
  gradients.type = rowType(spec.Get("dtype"));
  gradients.examples = wholeNumber(spec.Get("examples"), "examples", 0, kMostElements);
  gradients.perBlock = flag(spec.Get("perBlock"), "perBlock");
  gradients.threads = threadCount(spec);
  const Napi::Array blocks = list(spec.Get("gradients"), "gradients"), widths = list(spec.Get("columns"), "columns");
  const int64_t mostColumns = kMostElements / std::max<int64_t>(1, gradients.examples);
  int64_t columns = 0;
  if (blocks.Length() == 0 || widths.Length() != blocks.Length())
    throw std::invalid_argument("columns: expected one width for each of at least one block");
  for (uint32_t b = 0; b < blocks.Length(); ++b) {
    const std::string name = "gradients[" + std::to_string(b) + "]";
    const int64_t width = wholeNumber(widths.Get(b), "columns", 0, mostColumns);
    const auto* data =
        arrays.get<const void>(blocks.Get(b), name, arrayType(gradients.type), gradients.examples * width);
    gradients.blocks.push_back({data, width});
    columns += width;
  }
  const Napi::Value kept = spec.Get("kept");
  if (given(kept)) gradients.kept = arrays.get<const uint8_t>(kept, "mask", napi_uint8_array, columns);
  return gradients;
}

// sums, one a block, all of one type.
void readSums(const Napi::Object& spec, Arrays& arrays, ExampleGradients& gradients) {
  const Napi::Array sums = list(spec.Get("sums"), "sums");
  const bool wide = flag(spec.Get("wide"), "wide");
  for (uint32_t b = 0; b < gradients.blocks.size(); ++b) {
    GradientBlock& block = gradients.blocks[b];
    const std::string name = "output[" + std::to_string(b) + "]";
    if (wide) block.wideSum = arrays.get<double>(sums.Get(b), name, napi_float64_array, block.columns);
    if (!wide) block.sum = arrays.get<float>(sums.Get(b), name, napi_float32_array, block.columns);
  }
}

double* readNorms(const Napi::Object& spec, Arrays& arrays, const ExampleGradients& gradients) {
  return arrays.get<double>(spec.Get("squaredNorms"), "squaredNorms", napi_float64_array,
                            gradients.groups() * gradients.examples);
}

// ---- The kernels

Call readClip(const Napi::Object& spec) {
  Call call;
  ExampleGradients gradients = readGradients(spec, call.arrays);
  readSums(spec, call.arrays, gradients);
  double* squaredNorms = readNorms(spec, call.arrays, gradients);
  std::shared_ptr<const ClipFunction> function =
      makeClipFunction(text(spec.Get("function"), "function"), readAttributes(spec.Get("attributes"), "attributes"));
  ExampleClipping clipping{function.get(), {}, nullptr, flag(spec.Get("accumulate"), "accumulate"), nullptr};
  const Napi::Array thresholds = list(spec.Get("thresholds"), "thresholds");
  if (static_cast<int>(thresholds.Length()) != gradients.groups())
    throw std::invalid_argument("thresholds: expected one a group");
  for (uint32_t g = 0; g < thresholds.Length(); ++g)
    clipping.thresholds.push_back(finiteNumber(thresholds.Get(g), "thresholds", 0, true));
  const Napi::Value weights = spec.Get("weights");
  if (given(weights))
    clipping.weights = call.arrays.get<const double>(weights, "weights", napi_float64_array, gradients.examples);
  clipping.factors = call.arrays.get<float>(spec.Get("factors"), "factors", napi_float32_array,
                                            gradients.groups() * gradients.examples);
  call.work = [gradients, clipping, squaredNorms, function] {
    return static_cast<double>(clipExamples(gradients, clipping, squaredNorms));
  };
  return call;
}

Call readNormsCall(const Napi::Object& spec) {
  Call call;
  const ExampleGradients gradients = readGradients(spec, call.arrays);
  double* squaredNorms = readNorms(spec, call.arrays, gradients);
  call.work = [gradients, squaredNorms] {
    takeExampleNorms(gradients, squaredNorms);
    return 0.0;
  };
  return call;
}

Call readSparsify(const Napi::Object& spec) {
  Call call;
  const ExampleGradients gradients = readGradients(spec, call.arrays);
  if (gradients.kept == nullptr && gradients.examples > 0)
    throw std::invalid_argument("mask: got nothing, expected Uint8Array");
  const Napi::Array arrays = list(spec.Get("outputs"), "outputs");
  std::vector<void*> outputs;
  for (uint32_t b = 0; b < gradients.blocks.size(); ++b) {
    outputs.push_back(call.arrays.get<void>(arrays.Get(b), "output[" + std::to_string(b) + "]",
                                            arrayType(gradients.type),
                                            gradients.examples * gradients.blocks[b].columns));
  }
  call.work = [gradients, outputs] {
    dropColumns(gradients, outputs);
    return 0.0;
  };
  return call;
}

Call readPrivatize(const Napi::Object& spec) {
  Call call;
  SumToPrivatize task{};
  task.count = wholeNumber(spec.Get("count"), "count", 0, kMostElements);
  const bool wide = flag(spec.Get("wide"), "wide");
  const Napi::Value sum = spec.Get("sum"), kept = spec.Get("kept");
  if (wide) task.wideSum = call.arrays.get<const double>(sum, "sum", napi_float64_array, task.count);
  if (!wide) task.sum = call.arrays.get<const float>(sum, "sum", napi_float32_array, task.count);
  if (given(kept)) task.kept = call.arrays.get<const uint8_t>(kept, "mask", napi_uint8_array, task.count);
  task.deviation = finiteNumber(spec.Get("deviation"), "deviation", 0);
  task.normalizer = finiteNumber(spec.Get("normalizer"), "normalizer", 0, true);
  task.output = call.arrays.get<float>(spec.Get("output"), "output", napi_float32_array, task.count);
  task.threads = threadCount(spec);
  const std::shared_ptr<NoiseKey> key(new NoiseKey, [](NoiseKey* used) {
    OPENSSL_cleanse(used->data(), used->size());
    delete used;
  });
  const void* bytes = typedArray(spec.Get("key"), "key", napi_uint8_array, static_cast<int64_t>(key->size()));
  std::copy_n(static_cast<const uint8_t*>(bytes), key->size(), key->begin());
  call.work = [task, key] {
    privatizeSum(task, *key);
    return 0.0;
  };
  return call;
}

template <Call (*kRead)(const Napi::Object&)>
void add(Napi::Object& target, const std::string& name) {
  const Napi::Env env = target.Env();
  target.Set(name, Napi::Function::New(env, callLater<kRead>, name));
  target.Set(name + "Sync", Napi::Function::New(env, callNow<kRead>, name + "Sync"));
}

}  // namespace

Napi::Object exampleKernelsObject(Napi::Env env) {
  Napi::Object kernels = Napi::Object::New(env);
  add<readClip>(kernels, "clip");
  add<readNormsCall>(kernels, "norms");
  add<readSparsify>(kernels, "sparsify");
  add<readPrivatize>(kernels, "privatize");
  return kernels;
}

}  // namespace hushgrad
