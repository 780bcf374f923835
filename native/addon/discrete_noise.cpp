// Exact noise for what is counted beside a step, outside it: a handful of samples.
#include "addon/discrete_noise.h"

#include <openssl/crypto.h>

#include <cstring>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "privatize/discrete_gaussian.h"

namespace hushgrad {

static void fill(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    NoiseKey key;
    const void* given = typedArray(info[0], "key", napi_uint8_array, key.size());
    const int64_t deviation =
        wholeNumber(info[1], "deviation", 1, static_cast<int64_t>(DiscreteGaussian::kMostDeviation));
    const int64_t count =
        info[2].IsTypedArray() ? static_cast<int64_t>(info[2].As<Napi::TypedArray>().ElementLength()) : 0;
    typedArray(info[2], "samples", napi_bigint64_array, count);
    int64_t* samples = info[2].As<Napi::BigInt64Array>().Data();
    DiscreteGaussian gaussian(1);
    std::memcpy(key.data(), given, key.size());
    gaussian.setKey(key);
    OPENSSL_cleanse(key.data(), key.size());
    gaussian.fill(0, 0, count, static_cast<uint64_t>(deviation), samples, 0);
  });
}

Napi::Function discreteNoiseFunction(Napi::Env env) {
  return Napi::Function::New(env, fill, "discreteNoise");
}

}  // namespace hushgrad
