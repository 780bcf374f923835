// Weighted sums that wait for the step's end. Of a layer whose sum is one matrix product over any number of examples,
// only the product's operands are kept, example by example; a tile of the sum is made when the update comes to it, and
// meets noise, parameter and optimizer state in cache. No accumulator of the weight's size is written and read back,
// and the sum depends on neither chunks, lanes nor threads.
#pragma once

#include <memory>
#include <vector>

#include "session/float_memory.h"
#include "session/gradient_layout.h"

namespace hushgrad {

class DeferredSums {
 public:
  // For up to `capacity` examples, and tiles of up to kTileFloats made by `workers` side by side.
  DeferredSums(const std::vector<std::unique_ptr<Layer>>& layers, const GradientLayout& layout, int64_t capacity,
               int workers);

  // 256 KB of the sum: with its parameter and state it stays in the second-level cache.
  static constexpr int64_t kTileFloats = 64 * 1024;

  // Where the operands of the parameter's examples lie, one row each; null where its sum is not deferred.
  float* operands(size_t parameter) const { return places[parameter]; }
  // The examples whose operands are there, of rows 0 … examples.
  void keep(int64_t examples) { kept = examples; }
  void forget() { kept = 0; }

  // Elements first … first + count of the parameter's sum; valid until the worker's next tile. What the mask leaves out
  // is undefined.
  const float* tile(size_t parameter, const SlotMask& mask, int64_t first, int64_t count, int worker) const;
  // Memory for one tile, for a caller that fills it otherwise.
  float* room(int worker) const { return rooms.get() + worker * roomFloats; }

  int64_t floats() const { return operandFloats + workers * roomFloats; }

 private:
  const std::vector<std::unique_ptr<Layer>>& layers;
  const GradientLayout& layout;
  const int workers;
  int64_t operandFloats = 0, roomFloats = 0;
  FloatMemory memory, rooms;
  std::vector<float*> places;
  int64_t kept = 0;
};

}  // namespace hushgrad
