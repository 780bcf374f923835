#include "clipping/random_subset.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

namespace hushgrad {

static void check(int answer) {
  if (answer != 1) throw std::runtime_error("OpenSSL's AES-256-CTR failed");
}

static void storeBigEndian(uint64_t value, uint8_t* out) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(value >> (56 - 8 * i));
}

static uint64_t loadBigEndian(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

class RandomSubset::Words {
 public:
  explicit Words(const MaskDraw& draw) : cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free), stream(draw.refresh) {
    if (!cipher) throw std::bad_alloc();
    check(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_ctr(), nullptr, draw.key.data(), nullptr));
  }

  // use(i, word first + i) for every i below count. The counter's high half is the refresh, its low half the position:
  // two words each.
  template <class Use>
  void forEach(uint64_t first, int64_t count, const Use& use) {
    constexpr int64_t kAtOnce = 2048;
    static const uint8_t zeros[8 * kAtOnce] = {};
    uint8_t bytes[8 * kAtOnce], counter[16];
    storeBigEndian(stream, counter);
    storeBigEndian(first / 2, counter + 8);
    check(EVP_EncryptInit_ex(cipher.get(), nullptr, nullptr, nullptr, counter));
    for (int64_t done = 0; done < count; done += kAtOnce) {
      const int64_t now = std::min(kAtOnce, count - done);
      int written = 0;
      check(EVP_EncryptUpdate(cipher.get(), bytes, &written, zeros, static_cast<int>(8 * now)));
      for (int64_t i = 0; i < now; ++i) use(done + i, loadBigEndian(bytes + 8 * i));
    }
  }

 private:
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher;
  const uint64_t stream;
};

RandomSubset::RandomSubset(const MaskDraw& draw) : rate(draw.rate), words(std::make_unique<Words>(draw)) {
  if (!(rate >= 0 && rate <= 1)) {
    throw std::invalid_argument("sparsification rate: got " + std::to_string(rate) + ", expected a number in [0, 1]");
  }
}

RandomSubset::~RandomSubset() = default;

static void setBits(int64_t count, uint8_t* bits) {
  std::memset(bits, 0, static_cast<size_t>(bitBytes(count)));
  std::memset(bits, 0xff, static_cast<size_t>(count / 8));
  if (count % 8 != 0) bits[count / 8] = static_cast<uint8_t>((1 << count % 8) - 1);
}

int64_t RandomSubset::draw(uint64_t first, int64_t count, uint8_t* bits) {
  if (first % 2 != 0) throw std::logic_error("a subset's words start at an even one");
  setBits(count, bits);
  int64_t left = std::min(count, static_cast<int64_t>(std::floor(rate * static_cast<double>(count))));
  const int64_t kept = count - left;
  if (left == 0) return kept;

  // How many words begin with each 16 bits: says with which the last dropped one begins.
  constexpr int kPrefix = 48;
  std::vector<int64_t> histogram(size_t{1} << 16);
  words->forEach(first, count, [&](int64_t, uint64_t word) { ++histogram[word >> kPrefix]; });
  uint64_t last = 0;
  while (histogram[last] < left) left -= histogram[last++];

  std::vector<std::pair<uint64_t, int64_t>> undecided;
  undecided.reserve(static_cast<size_t>(histogram[last]));
  auto drop = [bits](int64_t i) { bits[i / 8] = static_cast<uint8_t>(bits[i / 8] & ~(1 << i % 8)); };
  words->forEach(first, count, [&](int64_t i, uint64_t word) {
    if (word >> kPrefix < last) drop(i);
    if (word >> kPrefix == last) undecided.emplace_back(word, i);
  });
  std::nth_element(undecided.begin(), undecided.begin() + (left - 1), undecided.end());
  for (int64_t k = 0; k < left; ++k) drop(undecided[static_cast<size_t>(k)].second);
  return kept;
}

}  // namespace hushgrad
