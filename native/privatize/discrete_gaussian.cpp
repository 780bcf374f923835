#include "privatize/discrete_gaussian.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace hushgrad {

// Counter values that a block of samples may spend: 16 MB, where it needs some 150 KB. It never reaches the next one's.
constexpr uint64_t kPositions = uint64_t{1} << 20;
constexpr size_t kWords = 512;

// Random words, one after the other.
class RandomWords {
 public:
  ~RandomWords() { OPENSSL_cleanse(words, sizeof words); }
  CounterCipher cipher;

  void seek(uint64_t stream, uint64_t block) {
    cipher.seek(stream, block * kPositions);
    spent = 0;
    next = kWords;
  }

  uint64_t word() {
    if (next == kWords) refill();
    return words[next++];
  }

 private:
  void refill() {
    spent += sizeof words / CounterCipher::kBlockBytes;
    if (spent > kPositions) throw std::runtime_error("a block of discrete noise ran out of random words");
    cipher.draw(words, sizeof words);
    next = 0;
  }

  uint64_t words[kWords];
  size_t next = kWords;
  uint64_t spent = 0;
};

// ---- The sampler. Every decision compares whole numbers; every one draws bits of its own.

class Sampler {
 public:
  Sampler(RandomWords& random, uint64_t deviation) : random(random), deviation(deviation), bits(bitsBelow(deviation)) {}

  // Rejection from the Laplace distribution of scale σ: |y| = σ + (aσ + b) or σ − (aσ + b) is kept with the probability
  // exp(−(|y| − σ)²/(2σ²)) = exp(−½)^(a²) · exp(−b/σ)^a · exp(−½(b/σ)²).
  int64_t sample() {
    for (;;) {
      const int64_t y = laplace();
      const auto size = static_cast<uint64_t>(y < 0 ? -y : y);
      const uint64_t distance = size > deviation ? size - deviation : deviation - size;
      if (keeps(distance / deviation, distance % deviation)) return y;
    }
  }

 private:
  static int bitsBelow(uint64_t bound) { return bound <= 1 ? 0 : 64 - __builtin_clzll(bound - 1); }

  uint64_t below(uint64_t bound, int wide) {
    if (wide == 0) return 0;
    for (;;) {
      const uint64_t word = random.word() >> (64 - wide);
      if (word < bound) return word;
    }
  }

  bool flip() { return (random.word() & 1) != 0; }
  bool share(uint64_t part) { return below(deviation, bits) < part; }  // with probability part/σ

  // With probability exp(−γ), γ = P(event): event and 1/k in turn, for k = 1, 2, …, until one fails. It fails at k with
  // the probability γ^(k−1)/(k−1)! − γ^k/k!, and the odd ones of these add up to exp(−γ).
  template <class Event>
  bool expOfMinus(const Event& event) {
    uint64_t k = 1;
    while (event() && below(k, bitsBelow(k)) == 0) ++k;
    return k % 2 == 1;
  }

  bool expOfMinusOne() {
    return expOfMinus([] { return true; });
  }

  // P(y) ∝ exp(−|y|/σ): u + σ·v, u below σ and v ≥ 0, with a sign, and no zero twice.
  int64_t laplace() {
    for (;;) {
      const uint64_t u = below(deviation, bits);
      if (!expOfMinus([&] { return share(u); })) continue;
      uint64_t v = 0;
      while (expOfMinusOne()) ++v;
      const auto size = static_cast<int64_t>(u + deviation * v);
      const bool negative = flip();
      if (negative && size == 0) continue;
      return negative ? -size : size;
    }
  }

  bool keeps(uint64_t a, uint64_t b) {
    for (uint64_t i = 0; i < a * a; ++i) {
      if (!expOfMinus([&] { return flip(); })) return false;
    }
    for (uint64_t i = 0; i < a; ++i) {
      if (!expOfMinus([&] { return share(b); })) return false;
    }
    return expOfMinus([&] { return flip() && share(b) && share(b); });
  }

  RandomWords& random;
  const uint64_t deviation;
  const int bits;
};

class DiscreteGaussian::Impl {
 public:
  bool keyed = false;
  std::vector<std::unique_ptr<RandomWords>> workers;
};

DiscreteGaussian::DiscreteGaussian(int workers) : impl(std::make_unique<Impl>()) {
  for (int worker = 0; worker < workers; ++worker) impl->workers.push_back(std::make_unique<RandomWords>());
}
DiscreteGaussian::~DiscreteGaussian() = default;

// The ciphers hold the only copies.
void DiscreteGaussian::setKey(const NoiseKey& key) {
  for (auto& worker : impl->workers) worker->cipher.setKey(key);
  impl->keyed = true;
}

bool DiscreteGaussian::hasKey() const {
  return impl->keyed;
}

void DiscreteGaussian::fill(uint64_t stream, uint64_t first, int64_t count, uint64_t deviation, int64_t* out,
                            int worker) const {
  if (!impl->keyed) throw std::logic_error("noise was asked for before its key was set");
  if (first % kBlock != 0) {
    throw std::invalid_argument("noise starts at a multiple of " + std::to_string(kBlock) + ", not at " +
                                std::to_string(first));
  }
  if (deviation < 1 || deviation > kMostDeviation)
    throw std::invalid_argument("a discrete Gaussian of deviation " + std::to_string(deviation));
  RandomWords& random = *impl->workers.at(static_cast<size_t>(worker));
  Sampler sampler(random, deviation);
  for (int64_t done = 0; done < count; done += kBlock) {
    random.seek(stream, (first + static_cast<uint64_t>(done)) / kBlock);
    const int64_t end = std::min(done + kBlock, count);
    for (int64_t i = done; i < end; ++i) out[i] = sampler.sample();
  }
}

}  // namespace hushgrad
