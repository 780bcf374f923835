// Where every buffer of a worker lies in its one block of memory. Buffers that are never alive at the same time
// share addresses; nothing is allocated after this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hushgrad {

class MemoryPlan {
 public:
  // A buffer alive from time `first` to time `last`, both included: `rowFloats` for each of `rows` examples.
  int addRows(int64_t rows, int64_t rowFloats, int first, int last);
  // One that is not divided by examples.
  int addBlock(int64_t floats, int first, int last);
  void keepUntil(int buffer, int last);
  // Gives every buffer its offset (greedy by size, as in Pisarchyk & Lee 2020) and returns the floats in all.
  int64_t place();

  int64_t offset(int buffer) const { return buffers[static_cast<size_t>(buffer)].offset; }
  int64_t floats(int buffer) const;
  int64_t rowFloats(int buffer) const { return buffers[static_cast<size_t>(buffer)].rowFloats; }
  // Buffers divided by examples that are alive at `time`.
  std::vector<int> aliveAt(int time) const;

 private:
  struct Buffer {
    int64_t rows, rowFloats;
    bool byExample;
    int first, last;
    int64_t offset;
  };
  std::vector<Buffer> buffers;
};

}  // namespace hushgrad
