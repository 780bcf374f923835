// Norm, clip and sum in one read of memory: groups of rows run through a pipeline in which one group is added to the
// sum from cache while the next one's norms are taken from memory.
#include <array>

#include "backend/cpu/row_pipeline.h"
#include "clipping/clipping.h"

namespace hushgrad {

using RowPointers = std::array<const void*, cpu::kMostRowsAtOnce>;

static RowPointers rowsFrom(const RowClipping& clip, const float* gradients, int64_t first, int rows) {
  RowPointers pointers{};
  for (int r = 0; r < rows; ++r) pointers[r] = gradients + (first + r) * clip.stride;
  return pointers;
}

// A row with factor 0 may hold NaN, and 0 · NaN would poison the sum: a row with another factor, which is finite
// throughout, stands in for it. False where there is none, so that nothing is to be added.
static bool replaceLeftOut(const float* factors, int rows, RowPointers& pointers) {
  const void* finite = nullptr;
  for (int r = 0; r < rows; ++r) {
    if (factors[r] != 0) finite = pointers[r];
  }
  for (int r = 0; r < rows; ++r) {
    if (factors[r] == 0) pointers[r] = finite;
  }
  return finite != nullptr;
}

// Takes whole groups of `rows` examples from `first` on; returns the first example it left.
static int64_t clipGroups(const RowClipping& clip, const float* gradients, int rows, int64_t first) {
  if (first + rows > clip.examples) return first;
  RowPointers next = rowsFrom(clip, gradients, first, rows);
  cpu::addRowsAndTakeNorms({rows, clip.columns, nullptr, nullptr, nullptr, next.data(), clip.squaredNorms + first});
  while (first + rows <= clip.examples) {
    RowPointers current = next;
    float* factors = clip.factors + first;
    const float* weights = clip.weights ? clip.weights + first : nullptr;
    clipFactors(*clip.function, clip.threshold, rows, clip.squaredNorms + first, weights, factors);
    first += rows;
    const bool more = first + rows <= clip.examples;
    if (more) next = rowsFrom(clip, gradients, first, rows);
    const bool any = replaceLeftOut(factors, rows, current);
    if (!any && !more) break;
    cpu::addRowsAndTakeNorms({rows, clip.columns, any ? current.data() : nullptr, factors, clip.sum,
                              more ? next.data() : nullptr, clip.squaredNorms + first});
  }
  return first;
}

void clipRowsFused(const RowClipping& clip, const float* gradients) {
  int64_t first = 0;
  for (int rows = cpu::rowsAtOnce(clip.columns); rows >= 1; rows /= 2) first = clipGroups(clip, gradients, rows, first);
}

}  // namespace hushgrad
