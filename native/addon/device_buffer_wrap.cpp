#include "addon/device_buffer_wrap.h"

#include "addon/arguments.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "backend/cpu/machine.h"

namespace hushgrad {

static constexpr int64_t kMostElements = int64_t{1} << 40;
static constexpr napi_type_tag kTag = {0x6875736867726164, 0x6465766963656275};  // "hushgrad", "devicebu"

DeviceState& DeviceState::of(Napi::Env env) {
  std::shared_ptr<DeviceState>& state = Environment::of(env).device;
  if (state) return *state;
  auto opened = std::make_shared<DeviceState>();
  opened->device = Device::open(0);
  opened->workers = machine().cores;
  opened->noise.reserveWorkers(opened->workers);
  state = std::move(opened);
  return *state;
}

struct ElementRow {
  const char* name;
  DeviceElement element;
  napi_typedarray_type type;
  const char* constructor;
};
static const ElementRow kElements[] = {{"float32", DeviceElement::float32, napi_float32_array, "Float32Array"},
                                       {"bfloat16", DeviceElement::bfloat16, napi_uint16_array, "Uint16Array"},
                                       {"float16", DeviceElement::float16, napi_uint16_array, "Uint16Array"},
                                       {"float64", DeviceElement::float64, napi_float64_array, "Float64Array"},
                                       {"bits", DeviceElement::bits32, napi_uint32_array, "Uint32Array"}};

static DeviceElement readElement(const Napi::Value& value) {
  const std::string name = text(value, "element");
  for (const ElementRow& row : kElements) {
    if (name == row.name) return row.element;
  }
  throw Napi::RangeError::New(
      value.Env(), "element: got " + describe(value) + ", expected float32, bfloat16, float16, float64 or bits");
}

static const ElementRow& rowOf(DeviceElement element) {
  for (const ElementRow& row : kElements) {
    if (element == row.element) return row;
  }
  throw std::logic_error("a device element without a typed array");
}

Napi::Function DeviceBufferWrap::define(Napi::Env env) {
  return DefineClass(
      env, "Buffer",
      {InstanceMethod<&DeviceBufferWrap::upload>("upload"), InstanceMethod<&DeviceBufferWrap::download>("download"),
       InstanceMethod<&DeviceBufferWrap::zero>("zero"), InstanceMethod<&DeviceBufferWrap::dispose>("dispose")});
}

// (element, rows, columns)
DeviceBufferWrap::DeviceBufferWrap(const Napi::CallbackInfo& call) : Napi::ObjectWrap<DeviceBufferWrap>(call) {
  Napi::Env env = call.Env();
  const DeviceElement element = readElement(call[0]);
  const int64_t rows = wholeNumber(call[1], "rows", 1, kMostElements);
  const int64_t columns = wholeNumber(call[2], "columns", 1, kMostElements / rows);
  guarded(env, [&] { buffer = std::make_unique<DeviceBuffer>(DeviceState::of(env).device, element, rows, columns); });
  call.This().As<Napi::Object>().TypeTag(&kTag);
  Napi::MemoryManagement::AdjustExternalMemory(env, buffer->bytes());
}

void DeviceBufferWrap::Finalize(Napi::Env env) {
  end(env);
}

void DeviceBufferWrap::end(Napi::Env env) {
  if (!buffer) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, -buffer->bytes());
  buffer.reset();
}

void DeviceBufferWrap::dispose(const Napi::CallbackInfo& call) {
  end(call.Env());
}

DeviceBuffer& DeviceBufferWrap::live(Napi::Env env) {
  if (buffer) return *buffer;
  throw Napi::Error::New(env, "the device buffer has been disposed of");
}

DeviceBuffer& DeviceBufferWrap::of(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) {
    throw Napi::TypeError::New(value.Env(), name + ": got " + describe(value) + ", expected a device buffer");
  }
  return Unwrap(value.As<Napi::Object>())->live(value.Env());
}

DeviceBuffer* DeviceBufferWrap::orNull(const Napi::Value& value, const std::string& name) {
  return value.IsNull() ? nullptr : &of(value, name);
}

void DeviceBufferWrap::upload(const Napi::CallbackInfo& call) {
  DeviceBuffer& own = live(call.Env());
  const void* values = typedArray(call[0], "values", rowOf(own.element).type, own.rows * own.columns);
  guarded(call.Env(), [&] { own.upload(values); });
}

Napi::Value DeviceBufferWrap::download(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  DeviceBuffer& own = live(env);
  const ElementRow& row = rowOf(own.element);
  const double elements = static_cast<double>(own.rows * own.columns);
  // By its JavaScript constructor, which throws a RangeError where memory is short.
  Napi::Function constructor = env.Global().Get(row.constructor).As<Napi::Function>();
  Napi::Object result = constructor.New({Napi::Number::New(env, elements)});
  void* data = const_cast<void*>(typedArray(result, "values", row.type, own.rows * own.columns));
  guarded(env, [&] { own.download(data); });
  return result;
}

void DeviceBufferWrap::zero(const Napi::CallbackInfo& call) {
  DeviceBuffer& own = live(call.Env());
  guarded(call.Env(), [&] { own.zero(); });
}

}  // namespace hushgrad
