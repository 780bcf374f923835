#include "graph/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace hushgrad {

// A cache line of floats between buffers; also what vector loads want to be aligned to.
static constexpr int64_t kAlignment = 16;

static int64_t aligned(int64_t floats) {
  return (floats + kAlignment - 1) / kAlignment * kAlignment;
}

int MemoryPlan::addRows(int64_t rows, int64_t rowFloats, int first, int last) {
  buffers.push_back({rows, rowFloats, true, first, last, 0});
  return static_cast<int>(buffers.size()) - 1;
}

int MemoryPlan::addBlock(int64_t floats, int first, int last) {
  buffers.push_back({1, floats, false, first, last, 0});
  return static_cast<int>(buffers.size()) - 1;
}

void MemoryPlan::keepUntil(int buffer, int last) {
  int& end = buffers[static_cast<size_t>(buffer)].last;
  end = std::max(end, last);
}

int64_t MemoryPlan::floats(int buffer) const {
  const Buffer& b = buffers[static_cast<size_t>(buffer)];
  return aligned(b.rows * b.rowFloats);
}

int64_t MemoryPlan::place() {
  std::vector<int> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return floats(a) > floats(b); });

  int64_t total = 0;
  std::vector<int> placed;  // by offset
  for (int index : order) {
    Buffer& buffer = buffers[static_cast<size_t>(index)];
    int64_t offset = 0;
    for (int other : placed) {
      const Buffer& neighbour = buffers[static_cast<size_t>(other)];
      bool together = buffer.first <= neighbour.last && neighbour.first <= buffer.last;
      if (!together || neighbour.offset + floats(other) <= offset) continue;
      if (offset + floats(index) <= neighbour.offset) break;
      offset = neighbour.offset + floats(other);
    }
    buffer.offset = offset;
    total = std::max(total, offset + floats(index));
    auto place = std::find_if(placed.begin(), placed.end(),
                              [&](int other) { return buffers[static_cast<size_t>(other)].offset > offset; });
    placed.insert(place, index);
  }
  return total;
}

std::vector<int> MemoryPlan::aliveAt(int time) const {
  std::vector<int> alive;
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].byExample && buffers[i].first <= time && time <= buffers[i].last)
      alive.push_back(static_cast<int>(i));
  return alive;
}

}  // namespace hushgrad
