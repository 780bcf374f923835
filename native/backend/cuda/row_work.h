// Which kernels run, one after the other, for the norms, the clipped sum and the sparsification of rows. Written over
// an Executor, so that the tests run it on the CPU as the library does on the GPU:
//   executor.run(body): body.blocks() blocks of body, after all that was run before;
//   executor.zero(data, bytes): the same for clearing memory.
#pragma once

#include <algorithm>

#include "backend/cuda/bodies/rows.h"

namespace hushgrad::cuda {

struct Hardware {
  int64_t cacheBytes;  // second level, shared by all
  int64_t multiprocessors;
};

// How rows are taken in groups, and the memory that takes.
struct RowPlan {
  RowShape shape;
  int64_t groupRows, slices, columnBlocks, accumulatorStride;

  int64_t partials() const { return groupRows * shape.segments; }  // doubles, of one group; two are under way
  int64_t accumulators() const { return slices > 1 ? slices * accumulatorStride : 0; }  // floats
};

inline int64_t quotientUp(int64_t value, int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

// Two groups are under way at a time, one being added and one streaming in: a quarter of the cache for each leaves room
// for the sum. A row that does not fit is read from memory twice; several of them share a pass over the sum.
inline int64_t groupRowsFor(int64_t rows, int64_t rowBytes, int64_t cacheBytes) {
  constexpr int64_t beyondCache = 8;
  const int64_t fitting = cacheBytes / 4 / rowBytes;
  return std::max<int64_t>(1, std::min({rows, fitting >= 1 ? fitting : beyondCache, kMostRows}));
}

template <class Element>
RowPlan planRows(int64_t rows, int64_t columns, int64_t stride, const uint32_t* mask, const Hardware& hardware) {
  constexpr int64_t blocksAtOnce = 4, mostSlices = 32;  // of the blocks a multiprocessor holds, half for the sum
  RowPlan plan{};
  const int64_t packs = quotientUp(columns, kPack<Element>);
  plan.shape = {columns, stride, mask, packs, quotientUp(packs, kSegmentPacks)};
  plan.groupRows = groupRowsFor(rows, stride * static_cast<int64_t>(sizeof(Element)), hardware.cacheBytes);
  plan.columnBlocks = quotientUp(packs, kThreads);
  const int64_t wanted = blocksAtOnce * hardware.multiprocessors / plan.columnBlocks;
  plan.slices = std::max<int64_t>(1, std::min({wanted, mostSlices, plan.groupRows}));
  plan.accumulatorStride = quotientUp(columns, kSumPadding) * kSumPadding;
  return plan;
}

// Memory for the kernels' own use, sized by the plan.
struct RowScratch {
  double* partials[2];  // [partials()] each
  float* accumulators;  // [accumulators()]
};

// sum[c] += Σ_b factor_b · g_b[c]. With one slice the rows are added to `sum` itself, in order.
template <class Element, class Executor>
void clipAndSum(Executor& executor, const RowPlan& plan, const Rows<Element>& rows, const ClipRule& rule,
                const RowScratch& scratch, const NormOutputs& outputs, float* sum) {
  const bool sliced = plan.slices > 1;
  if (sliced) executor.zero(scratch.accumulators, plan.accumulators() * static_cast<int64_t>(sizeof(float)));
  RowsPass<Element> pass{};
  pass.shape = plan.shape;
  pass.rule = rule;
  pass.slices = plan.slices;
  pass.columnBlocks = plan.columnBlocks;
  pass.accumulators = sliced ? scratch.accumulators : sum;
  pass.accumulatorStride = plan.accumulatorStride;
  int64_t first = 0, turn = 0;
  do {
    const int64_t count = std::min(plan.groupRows, rows.count - first);
    pass.normed = {rows.data + first * plan.shape.stride, count};
    pass.normedPartials = scratch.partials[turn % 2];
    if (pass.blocks() > 0) executor.run(pass);
    pass.added = pass.normed;
    pass.addedPartials = pass.normedPartials;
    pass.outputs = {outputs.squaredNorms ? outputs.squaredNorms + first : nullptr,
                    outputs.factors ? outputs.factors + first : nullptr};
    first += count;
    ++turn;
  } while (pass.added.count > 0);
  if (sliced) {
    executor.run(CombineSlices{plan.shape.columns, plan.slices, plan.accumulatorStride, scratch.accumulators, sum});
  }
}

template <class Element, class Executor>
void squaredNorms(Executor& executor, const RowPlan& plan, const Rows<Element>& rows, const RowScratch& scratch,
                  double* result) {
  RowsPass<Element> pass{};
  pass.shape = plan.shape;
  pass.normedPartials = scratch.partials[0];
  for (int64_t first = 0; first < rows.count; first += plan.groupRows) {
    const int64_t count = std::min(plan.groupRows, rows.count - first);
    pass.normed = {rows.data + first * plan.shape.stride, count};
    executor.run(pass);
    executor.run(TotalNorms{count, plan.shape.segments, scratch.partials[0], result + first});
  }
}

template <class Element, class Executor>
void sparsify(Executor& executor, const RowPlan& plan, Element* data, int64_t rows) {
  if (rows == 0 || plan.shape.mask == nullptr) return;
  executor.run(Sparsify<Element>{plan.shape, data, rows, plan.columnBlocks});
}

}  // namespace hushgrad::cuda
