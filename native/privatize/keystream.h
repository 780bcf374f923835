// AES-256 in counter mode (OpenSSL EVP) as a stream of random bytes, for what is drawn once and not in every step:
// first parameters. The counter starts at zero, as in Node's createCipheriv("aes-256-ctr", key, zeros).
#pragma once

#include <cstddef>
#include <cstdint>

#include "privatize/noise.h"

namespace hushgrad {

// out = `bytes` bytes of the key's stream from its 16-byte block `firstBlock` on; throws std::runtime_error.
void keystream(const NoiseKey& key, uint64_t firstBlock, uint8_t* out, size_t bytes);

}  // namespace hushgrad
