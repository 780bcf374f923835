#include "privatize/privatize_sum.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "backend/parallel.h"

namespace hushgrad {

constexpr int64_t kBlock = 4 * GaussianNoise::kBlock;

static void privatizeBlock(const SumToPrivatize& task, int64_t first, int64_t count, const float* normals) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = first + i;
    const double sum = task.sum != nullptr ? task.sum[at] : task.wideSum[at];
    task.output[at] = static_cast<float>((sum + task.deviation * normals[i]) / task.normalizer);
  }
  for (int64_t i = 0; task.kept != nullptr && i < count; ++i) {
    if (task.kept[first + i] == 0) task.output[first + i] = 0;
  }
}

void privatizeSum(const SumToPrivatize& task, const NoiseKey& key) {
  const int64_t blocks = (task.count + kBlock - 1) / kBlock;
  const int threads = static_cast<int>(std::clamp<int64_t>(blocks, 1, task.threads));
  GaussianNoise noise;
  noise.reserveWorkers(threads);
  noise.setKey(key);
  inParallel(threads, [&](int worker) {
    alignas(64) std::array<float, kBlock> normals;
    for (int64_t block = worker; block < blocks; block += threads) {
      const int64_t first = block * kBlock, count = std::min(kBlock, task.count - first);
      noise.fill(0, static_cast<uint64_t>(first), count, normals.data(), worker);
      privatizeBlock(task, first, count, normals.data());
    }
    OPENSSL_cleanse(normals.data(), sizeof normals);
  });
}

}  // namespace hushgrad
