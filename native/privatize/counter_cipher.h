// AES-256 in counter mode (OpenSSL EVP) as a source of random bytes, any position of which can be reached. The
// counter's high half is the stream, its low half the position in it, in blocks of 16 bytes: streams of one key never
// overlap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace hushgrad {

using NoiseKey = std::array<uint8_t, 32>;

class CounterCipher {
 public:
  static constexpr uint64_t kBlockBytes = 16;
  static constexpr size_t kMostBytes = 16384;  // a call of draw()

  CounterCipher();   // throws std::bad_alloc
  ~CounterCipher();  // OpenSSL wipes the key schedule that it frees

  // Nothing below allocates; std::runtime_error where OpenSSL fails.
  void setKey(const NoiseKey& key);
  void seek(uint64_t stream, uint64_t position);
  // The next bytes, a multiple of kBlockBytes.
  void draw(void* out, size_t bytes);

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context;
};

}  // namespace hushgrad
