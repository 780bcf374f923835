#include "privatize/counter_cipher.h"

#include <openssl/evp.h>

#include <new>
#include <stdexcept>

namespace hushgrad {

static EVP_CIPHER_CTX* cipherOf(void* context) {
  return static_cast<EVP_CIPHER_CTX*>(context);
}

static void check(int answer) {
  if (answer != 1) throw std::runtime_error("OpenSSL's AES-256-CTR failed");
}

static void storeBigEndian(uint64_t value, uint8_t* out) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(value >> (56 - 8 * i));
}

void CounterCipher::Free::operator()(void* cipher) const {
  EVP_CIPHER_CTX_free(cipherOf(cipher));
}

CounterCipher::CounterCipher() : context(EVP_CIPHER_CTX_new()) {
  if (!context) throw std::bad_alloc();
}
CounterCipher::~CounterCipher() = default;

void CounterCipher::setKey(const NoiseKey& key) {
  check(EVP_EncryptInit_ex(cipherOf(context.get()), EVP_aes_256_ctr(), nullptr, key.data(), nullptr));
}

void CounterCipher::seek(uint64_t stream, uint64_t position) {
  uint8_t counter[kBlockBytes];
  storeBigEndian(stream, counter);
  storeBigEndian(position, counter + 8);
  check(EVP_EncryptInit_ex(cipherOf(context.get()), nullptr, nullptr, nullptr, counter));
}

void CounterCipher::draw(void* out, size_t bytes) {
  alignas(64) static const uint8_t zeros[kMostBytes] = {};
  if (bytes > kMostBytes) throw std::logic_error("more random bytes at a time than there are zeros to encrypt");
  int written = 0;
  check(
      EVP_EncryptUpdate(cipherOf(context.get()), static_cast<uint8_t*>(out), &written, zeros, static_cast<int>(bytes)));
}

}  // namespace hushgrad
