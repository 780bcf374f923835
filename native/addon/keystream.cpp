#include "addon/keystream.h"

#include <openssl/crypto.h>

#include <cstring>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "privatize/keystream.h"

namespace hushgrad {

static constexpr int64_t kMostBlocks = int64_t{1} << 53;

static void fill(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    NoiseKey key;
    std::memcpy(key.data(), typedArray(info[0], "key", napi_uint8_array, key.size()), key.size());
    const uint64_t block = static_cast<uint64_t>(wholeNumber(info[1], "block", 0, kMostBlocks));
    const int64_t count =
        info[2].IsTypedArray() ? static_cast<int64_t>(info[2].As<Napi::TypedArray>().ElementLength()) : 0;
    typedArray(info[2], "words", napi_uint32_array, count);
    auto* words = reinterpret_cast<uint8_t*>(info[2].As<Napi::Uint32Array>().Data());
    keystream(key, block, words, static_cast<size_t>(count) * sizeof(uint32_t));
    OPENSSL_cleanse(key.data(), key.size());
  });
}

Napi::Function keystreamFunction(Napi::Env env) {
  return Napi::Function::New(env, fill, "keystream");
}

}  // namespace hushgrad
