// Kernels alone, on arrays that the caller made, timed here so that JavaScript's clock and calls stay outside. They run
// on one thread a core, each on its own share, as workers of a session do, and block the event loop meanwhile.
#include "addon/kernels.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "addon/arguments.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/noise_kernel.h"
#include "addon/timed.h"
#include "backend/backend.h"
#include "backend/cpu/machine.h"
#include "clipping/example_gradients.h"

namespace hushgrad {

static constexpr int64_t kMostElements = int64_t{1} << 34;
static constexpr int64_t kMostRepeats = 1 << 20;

static Napi::Float64Array doubles(Napi::Env env, const std::vector<double>& values) {
  return Environment::of(env).doubles(env, values.data(), values.size());
}

static Napi::Float32Array floats(Napi::Env env, const std::vector<float>& values) {
  return Environment::of(env).floats(env, values.data(), values.size());
}

// A Float32Array of whatever length it has.
static float* floatsOf(const Napi::Value& value, const std::string& name, int64_t& elements) {
  elements = value.IsTypedArray() ? static_cast<int64_t>(value.As<Napi::TypedArray>().ElementLength()) : 0;
  return static_cast<float*>(const_cast<void*>(typedArray(value, name, napi_float32_array, elements)));
}

// ---- clipRows(gradients, examples, columns, threshold, mode, repeats)

struct ClipRows {
  int64_t examples, columns;
  double threshold;
  bool fused;
  float* gradients;
  std::vector<double> squaredNorms;
  std::vector<float> factors;
  std::vector<std::vector<float>> sums;  // by thread; the fused way has one sum

  double runFused(const ClipFunction& function) {
    ExampleGradients blocks;
    blocks.examples = examples;
    blocks.blocks = {{gradients, columns, sums[0].data()}};
    blocks.threads = machine().cores;
    const double start = secondsNow();
    clipExamples(blocks, {&function, {threshold}, nullptr, false, factors.data()}, squaredNorms.data());
    return secondsNow() - start;
  }

  double runSeparate(const ClipFunction& function) {
    return timed(1, [&](int thread, int threads) {
      const int64_t first = examples * thread / threads, end = examples * (thread + 1) / threads;
      clipRowsSeparate({&function, threshold, end - first, columns, columns, squaredNorms.data() + first,
                        factors.data() + first, sums[static_cast<size_t>(thread)].data()},
                       gradients + first * columns);
    })[0];
  }
};

// The sum of the last repeat is told: earlier ones are cleared, outside the timing.
static Napi::Value clipRows(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  ClipRows rows{};
  rows.examples = wholeNumber(call[1], "examples", 1, kMostElements);
  rows.columns = wholeNumber(call[2], "columns", 1, kMostElements / rows.examples);
  rows.threshold = finiteNumber(call[3], "threshold", 0, true);
  const std::string mode = text(call[4], "mode");
  if (mode != "fused" && mode != "separate")
    throw Napi::RangeError::New(env, "mode: got " + describe(call[4]) + ", expected 'fused' or 'separate'");
  rows.fused = mode == "fused";
  const int64_t repeats = wholeNumber(call[5], "repeats", 1, kMostRepeats);
  const void* data = typedArray(call[0], "gradients", napi_float32_array, rows.examples * rows.columns);
  rows.gradients = static_cast<float*>(const_cast<void*>(data));

  return guarded(env, [&]() -> Napi::Value {
    rows.squaredNorms.resize(static_cast<size_t>(rows.examples));
    rows.factors.resize(static_cast<size_t>(rows.examples));
    const auto columns = static_cast<size_t>(rows.columns);
    rows.sums.assign(static_cast<size_t>(machine().cores), std::vector<float>(columns));
    const auto function = makeClipFunction("abadi", {});
    std::vector<double> seconds;
    for (int64_t repeat = 0; repeat < repeats; ++repeat) {
      for (auto& sum : rows.sums) std::fill(sum.begin(), sum.end(), 0.0f);
      seconds.push_back(rows.fused ? rows.runFused(*function) : rows.runSeparate(*function));
    }
    std::vector<float>& total = rows.sums[0];
    for (size_t lane = 1; lane < rows.sums.size(); ++lane) {
      for (size_t c = 0; c < columns; ++c) total[c] += rows.sums[lane][c];
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("sum", floats(env, total));
    result.Set("squaredNorms", doubles(env, rows.squaredNorms));
    result.Set("seconds", doubles(env, seconds));
    return result;
  });
}

// ---- readBandwidth(values, repeats)

constexpr int64_t kStreams = 4;
constexpr int64_t kLine = 64 / sizeof(uint64_t);     // words of a cache line
constexpr int64_t kAhead = 1024 / sizeof(uint64_t);  // bridges the starts of pages, where hardware does not prefetch

static uint64_t wordAt(const float* values, int64_t index) {
  uint64_t word;
  std::memcpy(&word, values + 2 * index, sizeof word);
  return word;
}

// Adds words as integers: the compiler may reorder that, so that nothing but memory limits it. Four streams with
// prefetches read up to half as much again as one plain loop does.
static uint64_t sumWords(const float* values, int64_t words) {
  uint64_t total = 0;
  const int64_t part = words / kStreams / kLine * kLine;
  for (int64_t i = 0; i < part; i += kLine) {
    for (int64_t stream = 0; stream < kStreams; ++stream) {
      const int64_t line = stream * part + i;
      __builtin_prefetch(values + 2 * (line + kAhead));
      for (int64_t word = 0; word < kLine; ++word) total += wordAt(values, line + word);
    }
  }
  for (int64_t i = kStreams * part; i < words; ++i) total += wordAt(values, i);
  return total;
}

static Napi::Value readBandwidth(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  int64_t elements = 0;
  const float* values = floatsOf(call[0], "values", elements);
  const int64_t repeats = wholeNumber(call[1], "repeats", 1, kMostRepeats);

  return guarded(env, [&]() -> Napi::Value {
    const int64_t pairs = elements / 2;
    std::vector<uint64_t> sums(static_cast<size_t>(machine().cores));
    const std::vector<double> seconds = timed(repeats, [&](int thread, int threads) {
      const int64_t first = pairs * thread / threads, end = pairs * (thread + 1) / threads;
      sums[static_cast<size_t>(thread)] = sumWords(values + 2 * first, end - first);
    });
    uint64_t checksum = 0;
    for (uint64_t sum : sums) checksum += sum;
    Napi::Object result = Napi::Object::New(env);
    result.Set("checksum", Napi::BigInt::New(env, checksum));
    result.Set("seconds", doubles(env, seconds));
    return result;
  });
}

// ---- gemm(a, b, n, repeats): every core multiplies the same two n × n matrices

static Napi::Value gemm(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  const int64_t n = wholeNumber(call[2], "n", 1, 1 << 14);
  const int64_t repeats = wholeNumber(call[3], "repeats", 1, kMostRepeats);
  const auto* a = static_cast<const float*>(typedArray(call[0], "a", napi_float32_array, n * n));
  const auto* b = static_cast<const float*>(typedArray(call[1], "b", napi_float32_array, n * n));

  return guarded(env, [&]() -> Napi::Value {
    std::vector<std::vector<float>> products(static_cast<size_t>(machine().cores),
                                             std::vector<float>(static_cast<size_t>(n * n)));
    const std::vector<double> seconds = timed(repeats, [&](int thread, int) {
      float* c = products[static_cast<size_t>(thread)].data();
      cpuBackend().gemm({false, false, n, n, n, a, n, b, n, 0, c, n});
    });
    Napi::Object result = Napi::Object::New(env);
    result.Set("product", floats(env, products[0]));
    result.Set("seconds", doubles(env, seconds));
    return result;
  });
}

// ---- normals(mode, count, repeats): every core draws its share, into memory that stays in its cache

static constexpr int64_t kShown = 4 * GaussianNoise::kBlock;

static Napi::Value normals(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  const std::string mode = text(call[0], "mode");
  if (mode != "engine" && mode != "naive")
    throw Napi::RangeError::New(env, "mode: got " + describe(call[0]) + ", expected 'engine' or 'naive'");
  const int64_t count = wholeNumber(call[1], "count", 1, kMostElements);
  const int64_t repeats = wholeNumber(call[2], "repeats", 1, kMostRepeats);

  return guarded(env, [&]() -> Napi::Value {
    const NoiseKernel kernel(machine().cores, mode == "naive");
    const std::vector<double> seconds = timed(repeats, [&](int thread, int threads) {
      const int64_t first = count * thread / threads, end = count * (thread + 1) / threads;
      kernel.draw(end - first, thread);
    });
    std::vector<float> samples(kShown);
    kernel.fill(0, kShown, samples.data(), 0);
    Napi::Object result = Napi::Object::New(env);
    result.Set("samples", floats(env, samples));
    result.Set("seconds", doubles(env, seconds));
    return result;
  });
}

Napi::Object kernelsObject(Napi::Env env) {
  Napi::Object kernels = Napi::Object::New(env);
  kernels.Set("clipRows", Napi::Function::New(env, clipRows, "clipRows"));
  kernels.Set("readBandwidth", Napi::Function::New(env, readBandwidth, "readBandwidth"));
  kernels.Set("gemm", Napi::Function::New(env, gemm, "gemm"));
  kernels.Set("normals", Napi::Function::New(env, normals, "normals"));
  return kernels;
}

}  // namespace hushgrad
