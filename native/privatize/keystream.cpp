#include "privatize/keystream.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace hushgrad {

constexpr size_t kMostBytes = size_t{1} << 30;  // what OpenSSL takes in one call is an int

void keystream(const NoiseKey& key, uint64_t firstBlock, uint8_t* out, size_t bytes) {
  uint8_t counter[16] = {};
  for (int i = 0; i < 8; ++i) counter[15 - i] = static_cast<uint8_t>(firstBlock >> (8 * i));
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  bool good = cipher && EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_ctr(), nullptr, key.data(), counter) == 1;
  std::memset(out, 0, bytes);
  for (size_t done = 0; good && done < bytes;) {
    int count = static_cast<int>(std::min(bytes - done, kMostBytes));
    int written = 0;
    good = EVP_EncryptUpdate(cipher.get(), out + done, &written, out + done, count) == 1;
    done += static_cast<size_t>(count);
  }
  if (!good) throw std::runtime_error("OpenSSL's AES-256-CTR failed");
}

}  // namespace hushgrad
