#include "privatize/noise.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "privatize/gaussian_block.h"

namespace hushgrad {

static_assert(GaussianNoise::kBlock == 2 * kGaussianPairs, "a block of samples is one call of the kernel");
constexpr size_t kBlockBytes = kGaussianWords * sizeof(uint32_t);
constexpr uint64_t kCounterBlock = 16;  // bytes of AES output a counter value
static_assert(kBlockBytes % kCounterBlock == 0, "blocks of samples start at whole counter values");

static void check(int answer) {
  if (answer != 1) throw std::runtime_error("OpenSSL's AES-256-CTR failed");
}

// One worker's cipher and the random words of the block at hand: small enough to stay in the first-level cache.
struct NoiseWorker {
  NoiseWorker() : cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
    if (!cipher) throw std::bad_alloc();
  }
  ~NoiseWorker() { OPENSSL_cleanse(words, sizeof words); }

  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher;  // freeing it wipes its key schedule
  alignas(64) uint32_t words[kGaussianWords];
  alignas(64) float rest[GaussianNoise::kBlock];
};

class GaussianNoise::Impl {
 public:
  ~Impl() { OPENSSL_cleanse(key.data(), key.size()); }

  NoiseKey key{};
  bool keyed = false;
  std::vector<std::unique_ptr<NoiseWorker>> workers;

  void prepare(NoiseWorker& worker) const {
    check(EVP_EncryptInit_ex(worker.cipher.get(), EVP_aes_256_ctr(), nullptr, key.data(), nullptr));
  }
};

GaussianNoise::GaussianNoise() : impl(std::make_unique<Impl>()) {
  reserveWorkers(1);
}
GaussianNoise::~GaussianNoise() = default;

bool GaussianNoise::hasKey() const {
  return impl->keyed;
}

void GaussianNoise::setKey(const NoiseKey& key) {
  OPENSSL_cleanse(impl->key.data(), impl->key.size());
  impl->key = key;
  impl->keyed = true;
  for (auto& worker : impl->workers) impl->prepare(*worker);
}

void GaussianNoise::reserveWorkers(int workers) {
  while (static_cast<int>(impl->workers.size()) < workers) {
    auto worker = std::make_unique<NoiseWorker>();
    if (impl->keyed) impl->prepare(*worker);
    impl->workers.push_back(std::move(worker));
  }
}

static void storeBigEndian(uint64_t value, uint8_t* out) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(value >> (56 - 8 * i));
}

// The counter's high half is the stream, its low half the position in it: streams of one key never overlap.
static void seek(NoiseWorker& worker, uint64_t stream, uint64_t block) {
  uint8_t counter[16];
  storeBigEndian(stream, counter);
  storeBigEndian(block * (kBlockBytes / kCounterBlock), counter + 8);
  check(EVP_EncryptInit_ex(worker.cipher.get(), nullptr, nullptr, nullptr, counter));
}

static void nextWords(NoiseWorker& worker) {
  alignas(64) static const uint8_t zeros[kBlockBytes] = {};
  int written = 0;
  check(EVP_EncryptUpdate(worker.cipher.get(), reinterpret_cast<uint8_t*>(worker.words), &written, zeros,
                          static_cast<int>(kBlockBytes)));
}

void GaussianNoise::fill(uint64_t step, uint64_t first, int64_t count, float* out, int worker) const {
  if (!impl->keyed) throw std::logic_error("noise was asked for before its key was set");
  if (first % kBlock != 0) {
    throw std::invalid_argument("noise starts at a multiple of " + std::to_string(kBlock) + ", not at " +
                                std::to_string(first));
  }
  NoiseWorker& own = *impl->workers.at(static_cast<size_t>(worker));
  seek(own, step, first / kBlock);
  for (int64_t done = 0; done < count; done += kBlock) {
    nextWords(own);
    if (count - done >= kBlock) {
      gaussianBlock(own.words, out + done);
      continue;
    }
    gaussianBlock(own.words, own.rest);
    std::memcpy(out + done, own.rest, sizeof(float) * static_cast<size_t>(count - done));
  }
}

}  // namespace hushgrad
