#include "addon/spec_reader.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "addon/arguments.h"

namespace hushgrad {

static constexpr int64_t kMostElements = int64_t{1} << 40;
static constexpr int64_t kMostSteps = (int64_t{1} << 53) - 1;

template <class Read>
static auto readList(const Napi::Value& value, const std::string& name, Read read) {
  Napi::Array items = list(value, name);
  std::vector<decltype(read(Napi::Value(), std::string()))> result;
  for (uint32_t i = 0; i < items.Length(); ++i) {
    result.push_back(read(items.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return result;
}

static Shape readShape(const Napi::Value& value, const std::string& name) {
  Shape shape = readList(value, name, [](const Napi::Value& item, const std::string& itemName) {
    return wholeNumber(item, itemName, 1, kMostElements);
  });
  double count = 1;
  for (int64_t extent : shape) count *= static_cast<double>(extent);
  if (count > static_cast<double>(kMostElements)) {
    throw Napi::RangeError::New(value.Env(), name + ": too many elements, at most 2^40 are allowed");
  }
  return shape;
}

static std::vector<int> readIndices(const Napi::Value& value, const std::string& name, int64_t least, int64_t most) {
  return readList(value, name, [least, most](const Napi::Value& item, const std::string& itemName) {
    return static_cast<int>(wholeNumber(item, itemName, least, most));
  });
}

static double readAttribute(const Napi::Value& value, const std::string& name) {
  return finiteNumber(value, name, std::numeric_limits<double>::lowest());
}

Attributes readAttributes(const Napi::Value& value, const std::string& name) {
  Napi::Object source = object(value, name);
  Napi::Array keys = source.GetPropertyNames();
  Attributes attributes;
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    std::string key = keys.Get(i).ToString().Utf8Value();
    Napi::Value entry = source.Get(key);
    std::string entryName = name + "." + key;
    attributes.values[key] = entry.IsArray() ? readList(entry, entryName, readAttribute)
                                             : std::vector<double>{readAttribute(entry, entryName)};
  }
  return attributes;
}

static ParameterSpec readParameter(const Napi::Value& value, const std::string& name) {
  Napi::Object source = object(value, name);
  return {text(source.Get("name"), name + ".name"), readShape(source.Get("shape"), name + ".shape"),
          flag(source.Get("trainable"), name + ".trainable")};
}

// `index` nodes come before this one, so values 0 … index exist.
static NodeSpec readNode(const Napi::Value& value, const std::string& name, int64_t index, int64_t parameters) {
  Napi::Object source = object(value, name);
  NodeSpec node;
  node.kind = text(source.Get("kind"), name + ".kind");
  node.path = text(source.Get("path"), name + ".path");
  node.inputs = readIndices(source.Get("inputs"), name + ".inputs", 0, index);
  node.parameters = readIndices(source.Get("parameters"), name + ".parameters", -1, parameters - 1);
  node.attributes = readAttributes(source.Get("attributes"), name + ".attributes");
  node.outputShape = readShape(source.Get("outputShape"), name + ".outputShape");
  if (node.inputs.empty()) throw Napi::TypeError::New(value.Env(), name + ".inputs: at least one is needed");
  return node;
}

static ModelSpec readModel(const Napi::Value& value) {
  Napi::Object source = object(value, "model");
  ModelSpec model;
  model.inputShape = readShape(source.Get("inputShape"), "model.inputShape");
  model.parameters = readList(source.Get("parameters"), "model.parameters", readParameter);
  int64_t parameters = static_cast<int64_t>(model.parameters.size());
  int64_t index = 0;
  model.nodes = readList(source.Get("nodes"), "model.nodes", [&](const Napi::Value& item, const std::string& name) {
    return readNode(item, name, index++, parameters);
  });
  if (model.nodes.empty()) throw Napi::TypeError::New(value.Env(), "model.nodes: a model has at least one layer");
  return model;
}

static ClippingSpec readClipping(const Napi::Value& value, size_t parameters) {
  Napi::Object source = object(value, "clipping");
  ClippingSpec clipping;
  clipping.function = text(source.Get("function"), "clipping.function");
  clipping.attributes = readAttributes(source.Get("attributes"), "clipping.attributes");
  clipping.thresholds =
      readList(source.Get("thresholds"), "clipping.thresholds",
               [](const Napi::Value& item, const std::string& name) { return finiteNumber(item, name, 0, true); });
  clipping.integers = flag(source.Get("integers"), "clipping.integers");
  clipping.largestWeight = finiteNumber(source.Get("largestWeight"), "clipping.largestWeight", 0, true);
  clipping.groupOfParameter =
      readIndices(source.Get("groupOfParameter"), "clipping.groupOfParameter", -1, clipping.groups() - 1);
  if (clipping.groupOfParameter.size() == parameters) return clipping;
  throw Napi::RangeError::New(value.Env(),
                              "clipping.groupOfParameter: got " + std::to_string(clipping.groupOfParameter.size()) +
                                  " entries, expected " + std::to_string(parameters) + ", one a parameter");
}

static Sparsification readSparsification(const Napi::Value& value) {
  const std::pair<const char*, Sparsification> known[] = {
      {"none", Sparsification::none},       {"elements", Sparsification::elements}, {"rows", Sparsification::rows},
      {"columns", Sparsification::columns}, {"channels", Sparsification::channels},
  };
  const std::string name = text(value, "sparsification");
  for (const auto& [spelling, what] : known)
    if (name == spelling) return what;
  throw Napi::RangeError::New(value.Env(),
                              "sparsification: got '" + name + "', expected none, elements, rows, columns or channels");
}

static std::optional<TopKSpec> readTopK(const Napi::Value& value) {
  if (value.IsNull()) return std::nullopt;
  Napi::Object source = object(value, "topK");
  return TopKSpec{finiteNumber(source.Get("keep"), "topK.keep", 0, true),
                  flag(source.Get("errorFeedback"), "topK.errorFeedback")};
}

static std::optional<NoiseRecurrence> readCorrelation(const Napi::Value& value) {
  if (value.IsNull()) return std::nullopt;
  Napi::Object source = object(value, "correlation");
  auto single = [](const Napi::Value& item, const std::string& name) {
    return static_cast<float>(finiteNumber(item, name, -static_cast<double>(std::numeric_limits<float>::max())));
  };
  NoiseRecurrence recurrence;
  recurrence.storesOutput = text(source.Get("stores"), "correlation.stores") == "output";
  recurrence.gain = single(source.Get("gain"), "correlation.gain");
  recurrence.weights = readList(source.Get("weights"), "correlation.weights", single);
  recurrence.decays = readList(source.Get("decays"), "correlation.decays", single);
  return recurrence;
}

SessionSpec readSessionSpec(const Napi::Value& value) {
  Napi::Object source = object(value, "spec");
  SessionSpec spec;
  spec.model = readModel(source.Get("model"));
  Napi::Object loss = object(source.Get("loss"), "loss");
  spec.loss = text(loss.Get("kind"), "loss.kind");
  spec.lossAttributes = readAttributes(loss.Get("attributes"), "loss.attributes");
  spec.clipping = readClipping(source.Get("clipping"), spec.model.parameters.size());
  spec.strategy = parseStrategy(text(source.Get("strategy"), "strategy"));
  Napi::Object optimizer = object(source.Get("optimizer"), "optimizer");
  spec.optimizer.kind = text(optimizer.Get("kind"), "optimizer.kind");
  spec.optimizer.attributes = readAttributes(optimizer.Get("attributes"), "optimizer.attributes");
  spec.sparsification = readSparsification(source.Get("sparsification"));
  spec.topK = readTopK(source.Get("topK"));
  spec.correlation = readCorrelation(source.Get("correlation"));
  spec.model.views = wholeNumber(source.Get("views"), "views", 1, 1024);
  spec.chunkSize = wholeNumber(source.Get("chunkSize"), "chunkSize", 0, 1 << 24);
  spec.threads = static_cast<int>(wholeNumber(source.Get("threads"), "threads", 0, 4096));
  spec.deterministic = flag(source.Get("deterministic"), "deterministic");
  return spec;
}

UpdateSpec readUpdateSpec(const Napi::Value& value) {
  Napi::Object source = object(value, "update");
  UpdateSpec update;
  update.noiseDeviation = finiteNumber(source.Get("noiseDeviation"), "update.noiseDeviation", 0);
  update.normalizer = finiteNumber(source.Get("normalizer"), "update.normalizer", 0, true);
  update.optimizer.learningRate = finiteNumber(source.Get("learningRate"), "update.learningRate", 0);
  update.optimizer.step = wholeNumber(source.Get("step"), "update.step", 1, kMostSteps);
  return update;
}

MaskDraw readMaskDraw(const Napi::Value& key, const Napi::Value& refresh, const Napi::Value& rate) {
  MaskDraw draw;
  std::memcpy(draw.key.data(), typedArray(key, "key", napi_uint8_array, static_cast<int64_t>(draw.key.size())),
              draw.key.size());
  draw.refresh = static_cast<uint64_t>(wholeNumber(refresh, "refresh", 0, kMostSteps));
  draw.rate = finiteNumber(rate, "rate", 0);
  return draw;
}

}  // namespace hushgrad
