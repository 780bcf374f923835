// Noise that is correlated from step to step: x = C⁻¹z for a lower triangular Toeplitz C, made from independent
// standard normals z as they come, in a fixed number of buffers of the noise's size (src/correlation says what C is).
//
//   x_t = gain·z_t + Σᵢ weights[i]·M[i]
//
// Without decays M holds what was stored of the last steps, outputs x (a banded C) or inputs z (a banded C⁻¹), M[0] of
// the latest; with decays (buffered linear Toeplitz) M[i] ← decays[i]·M[i] + x_t after each step. Before the first step
// M is 0. The numbers are float32: what is computed with is what TypeScript accounted for.
#pragma once

#include <cstdint>
#include <vector>

#include "session/float_memory.h"

namespace hushgrad {

struct NoiseRecurrence {
  bool storesOutput = true;  // else inputs; with decays always outputs
  float gain = 1;
  std::vector<float> weights;
  std::vector<float> decays;  // as many as weights, or none
};

class CorrelatedNoise {
 public:
  // Throws std::invalid_argument where the recurrence fits none of the above, std::bad_alloc.
  CorrelatedNoise(NoiseRecurrence recurrence, int64_t samples);
  ~CorrelatedNoise();  // wipes the memory

  // z of this step on entry, x on return: samples first … first + count. Ranges that do not overlap may be worked on
  // side by side, each once a step; allocates nothing.
  void correlate(uint64_t first, int64_t count, float* values);
  void endStep();  // after all ranges
  void forget();   // as before the first step

  // Secret: who has it can subtract noise. M[i], [samples].
  int buffers() const { return static_cast<int>(recurrence.weights.size()); }
  int64_t samples() const { return perBuffer; }
  float* buffer(int index) { return memory.get() + slot(index) * perBuffer; }
  int64_t bytes() const { return 4 * buffers() * perBuffer; }

 private:
  bool decaying() const { return !recurrence.decays.empty(); }
  int64_t slot(int index) const { return decaying() ? index : (latest + index) % buffers(); }

  const NoiseRecurrence recurrence;
  const int64_t perBuffer;
  FloatMemory memory;  // [buffers, samples]; without decays a ring, the oldest buffer is the next to be written
  int64_t latest = 0;  // slot of M[0] in the ring
};

}  // namespace hushgrad
