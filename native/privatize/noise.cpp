#include "privatize/noise.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "privatize/gaussian_block.h"

namespace hushgrad {

static_assert(GaussianNoise::kBlock == 2 * kGaussianPairs, "a block of samples is one call of the kernel");

// The random words of a block, as the generator writes them.
constexpr int kLowWords = 16;  // 4 are needed on average, more than 16 in one block of a million
struct BlockWords {
  uint32_t high[kGaussianPairs];
  uint32_t angle[kGaussianPairs];
  uint32_t low[kLowWords];  // of the pairs that need one, in order
};
constexpr int kBatch = 2;  // blocks drawn at a time, that fit the first-level cache with their samples
constexpr uint64_t kCounterBlock = CounterCipher::kBlockBytes;
static_assert(sizeof(BlockWords) % kCounterBlock == 0, "blocks of samples start at whole counter values");

// One worker's cipher and the random words at hand.
struct NoiseWorker {
  NoiseWorker() { std::fill(std::begin(fraction), std::end(fraction), kMiddle); }
  ~NoiseWorker() {
    OPENSSL_cleanse(words, sizeof words);
    OPENSSL_cleanse(moreLow, sizeof moreLow);
    OPENSSL_cleanse(rest, sizeof rest);
  }

  CounterCipher cipher;
  alignas(64) BlockWords words[kBatch];
  alignas(64) float fraction[kGaussianPairs];  // kMiddle between calls
  alignas(64) float rest[GaussianNoise::kBlock];
  uint32_t tails[kGaussianPairs + kTailPadding];
  uint32_t moreLow[kGaussianPairs];
};

class GaussianNoise::Impl {
 public:
  ~Impl() { OPENSSL_cleanse(key.data(), key.size()); }

  NoiseKey key{};
  bool keyed = false;
  std::vector<std::unique_ptr<NoiseWorker>> workers;
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
  for (auto& worker : impl->workers) worker->cipher.setKey(key);
}

void GaussianNoise::reserveWorkers(int workers) {
  while (static_cast<int>(impl->workers.size()) < workers) {
    auto worker = std::make_unique<NoiseWorker>();
    if (impl->keyed) worker->cipher.setKey(impl->key);
    impl->workers.push_back(std::move(worker));
  }
}

static void seekBlock(NoiseWorker& worker, uint64_t stream, uint64_t block) {
  worker.cipher.seek(stream, block * (sizeof(BlockWords) / kCounterBlock));
}

// The low words of a block that needs more than it has: from the upper half of the stream's positions, which the blocks
// do not reach.
static const uint32_t* drawMoreLow(NoiseWorker& worker, uint64_t stream, uint64_t block) {
  worker.cipher.seek(stream, (uint64_t{1} << 63) + block * (sizeof worker.moreLow / kCounterBlock));
  worker.cipher.draw(worker.moreLow, sizeof worker.moreLow);
  return worker.moreLow;
}

// Returns whether the cipher still stands where it stood.
static bool normals(NoiseWorker& worker, const BlockWords& words, uint64_t stream, uint64_t block, float* out) {
  const int tails = findTails(words.high, worker.tails);
  const bool more = tails > kLowWords;
  const uint32_t* low = more ? drawMoreLow(worker, stream, block) : words.low;
  for (int t = 0; t < tails; ++t) {
    const uint32_t pair = worker.tails[t];
    worker.fraction[pair] = tailFraction(words.high[pair], low[t]);
  }
  gaussianBlock(words.high, words.angle, worker.fraction, out);
  for (int t = 0; t < tails; ++t) worker.fraction[worker.tails[t]] = kMiddle;
  return !more;
}

void GaussianNoise::fill(uint64_t step, uint64_t first, int64_t count, float* out, int worker) const {
  if (!impl->keyed) throw std::logic_error("noise was asked for before its key was set");
  if (first % kBlock != 0) {
    throw std::invalid_argument("noise starts at a multiple of " + std::to_string(kBlock) + ", not at " +
                                std::to_string(first));
  }
  NoiseWorker& own = *impl->workers.at(static_cast<size_t>(worker));
  uint64_t block = first / kBlock;
  seekBlock(own, step, block);
  for (int64_t done = 0; done < count;) {
    const int64_t blocks = std::min<int64_t>(kBatch, (count - done + kBlock - 1) / kBlock);
    own.cipher.draw(own.words, static_cast<size_t>(blocks) * sizeof(BlockWords));
    bool inPlace = true;
    for (int64_t b = 0; b < blocks; ++b, ++block, done += kBlock) {
      const bool whole = count - done >= kBlock;
      inPlace &= normals(own, own.words[b], step, block, whole ? out + done : own.rest);
      if (!whole) std::memcpy(out + done, own.rest, sizeof(float) * static_cast<size_t>(count - done));
    }
    if (!inPlace) seekBlock(own, step, block);
  }
}

}  // namespace hushgrad
