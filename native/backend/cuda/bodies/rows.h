// Clipping of written-out gradients: the weighted sum of some rows and the squared norms of the rows after them, in one
// kernel. While rows whose norms are known are added from the second-level
// cache, the next ones stream in from memory: each gradient leaves memory once.
#pragma once

#include <cmath>

#include "backend/cuda/bodies/block.h"
#include "backend/cuda/bodies/elements.h"
#include "clipping/clip_rules.h"

namespace hushgrad::cuda {

constexpr int64_t kMostRows = 1024;               // of a group: their factors lie in a block's shared memory
constexpr int64_t kSegmentPacks = 16 * kThreads;  // of a row, for one block's partial norm: 64 KB
constexpr int64_t kSumPadding = 8;                // floats: a sum has room for whole packs of any element

// Rows of gradients: sixteen-byte packs from data + b·stride on.
template <class Element>
struct Rows {
  const Element* data;
  int64_t count;
};

struct RowShape {
  int64_t columns, stride;  // in elements
  const uint32_t* mask;     // null, or a bit a column
  int64_t packs;            // a row's, the last one perhaps not full
  int64_t segments;         // a row's: blocks that share its norm
};

// partials[row·segments + s] = Σ of the squares in segment s, in float64: float32 squares overflow at 1e19.
template <class Element, class Block>
HUSHGRAD_PORTABLE void partialNorm(const Block& block, const RowShape& shape, const Rows<Element>& rows, int64_t index,
                                   double* scratch, double* partials) {
  const Element* row = rows.data + index / shape.segments * shape.stride;
  const int64_t begin = index % shape.segments * kSegmentPacks;
  const int64_t end = begin + kSegmentPacks < shape.packs ? begin + kSegmentPacks : shape.packs;
  block.threads([=](int t) {
    double sums[4] = {0, 0, 0, 0};
    HUSHGRAD_UNROLL
    for (int64_t pack = begin + t; pack < end; pack += kThreads) {
      const Values<Element> x(row, shape.mask, pack * kPack<Element>, shape.columns);
      for (int j = 0; j < kPack<Element>; ++j) {
        const double value = x.at[j];
        sums[j % 4] = fma(value, value, sums[j % 4]);
      }
    }
    scratch[t] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  });
  reduce(block, scratch);
  block.threads([=](int t) {
    if (t == 0) partials[index] = scratch[0];
  });
}

HUSHGRAD_PORTABLE inline double totalOf(const double* partials, int64_t segments) {
  double total = 0;
  for (int64_t s = 0; s < segments; ++s) total += partials[s];
  return total;
}

// Where the squared norms and factors of rows go; either may be null.
struct NormOutputs {
  double* squaredNorms;
  float* factors;

  HUSHGRAD_PORTABLE void set(int64_t row, double squaredNorm, float factor) const {
    if (squaredNorms != nullptr) squaredNorms[row] = squaredNorm;
    if (factors != nullptr) factors[row] = factor;
  }
};

// Blocks 0 … sumBlocks() − 1 add `added`, whose partial norms are known; the others take those of `normed`.
template <class Element>
struct RowsPass {
  struct Shared {
    double scratch[kThreads];
    float factors[kMostRows];
  };

  RowShape shape;
  Rows<Element> added, normed;
  const double* addedPartials;  // [added.count, segments]
  double* normedPartials;       // [normed.count, segments]
  ClipRule rule;
  NormOutputs outputs;  // of the added rows
  // Few columns would occupy few blocks: then `slices` groups of blocks each sum a share of the rows, into
  // accumulators [slices, accumulatorStride].
  int64_t slices, columnBlocks;
  float* accumulators;
  int64_t accumulatorStride;

  HUSHGRAD_PORTABLE int64_t sumBlocks() const { return added.count > 0 ? slices * columnBlocks : 0; }
  HUSHGRAD_PORTABLE int64_t blocks() const { return sumBlocks() + normed.count * shape.segments; }

  template <class Block>
  HUSHGRAD_PORTABLE void run(const Block& block, Shared& shared) const {
    const int64_t index = block.index() - sumBlocks();
    if (index >= 0) return partialNorm(block, shape, normed, index, shared.scratch, normedPartials);
    addRows(block, block.index() / columnBlocks, block.index() % columnBlocks, shared.factors);
  }

 private:
  // Every block works out the factors of its rows by itself: a few hundred divisions, and no kernel between two passes.
  template <class Block>
  HUSHGRAD_PORTABLE void addRows(const Block& block, int64_t slice, int64_t columnBlock, float* factors) const {
    const RowsPass& pass = *this;
    const int64_t first = added.count * slice / slices, end = added.count * (slice + 1) / slices;
    block.threads([=, &pass](int t) {
      for (int64_t row = first + t; row < end; row += kThreads) {
        const double square = totalOf(pass.addedPartials + row * pass.shape.segments, pass.shape.segments);
        factors[row - first] = clipFactorOfSquare(pass.rule, square);
        if (columnBlock == 0) pass.outputs.set(row, square, factors[row - first]);
      }
    });
    block.threads([=, &pass](int t) {
      const int64_t pack = columnBlock * kThreads + t;
      if (pack < pass.shape.packs) pass.addColumns(pack, slice, first, end, factors);
    });
  }

  // The rows in order: total ← factor·x + total, rounded once, as the CPU's kernels do.
  HUSHGRAD_PORTABLE void addColumns(int64_t pack, int64_t slice, int64_t first, int64_t end,
                                    const float* factors) const {
    constexpr int width = kPack<Element>;
    struct alignas(16) Total {
      float at[width];
    };
    Total* place = reinterpret_cast<Total*>(accumulators + slice * accumulatorStride + pack * width);
    Total total = *place;
    HUSHGRAD_UNROLL
    for (int64_t row = first; row < end; ++row) {
      const float factor = factors[row - first];
      if (factor == 0) continue;  // left out: not even read
      const Values<Element> x(added.data + row * shape.stride, shape.mask, pack * width, shape.columns);
      for (int j = 0; j < width; ++j) total.at[j] = fmaf(factor, x.at[j], total.at[j]);
    }
    *place = total;
  }
};

// sum[c] += Σ_s accumulators[s, c], the slices in order.
struct CombineSlices {
  struct Shared {};
  int64_t columns, slices, accumulatorStride;
  const float* accumulators;
  float* sum;

  HUSHGRAD_PORTABLE int64_t blocks() const { return (columns + kThreads - 1) / kThreads; }

  template <class Block>
  HUSHGRAD_PORTABLE void run(const Block& block, Shared&) const {
    const CombineSlices& work = *this;
    const int64_t first = block.index() * kThreads;
    block.threads([=, &work](int t) {
      const int64_t c = first + t;
      if (c >= work.columns) return;
      float total = work.sum[c];
      for (int64_t s = 0; s < work.slices; ++s) total += work.accumulators[s * work.accumulatorStride + c];
      work.sum[c] = total;
    });
  }
};

// squaredNorms[row] = Σ_s partials[row, s].
struct TotalNorms {
  struct Shared {};
  int64_t rows, segments;
  const double* partials;
  double* squaredNorms;

  HUSHGRAD_PORTABLE int64_t blocks() const { return (rows + kThreads - 1) / kThreads; }

  template <class Block>
  HUSHGRAD_PORTABLE void run(const Block& block, Shared&) const {
    const TotalNorms& work = *this;
    const int64_t first = block.index() * kThreads;
    block.threads([=, &work](int t) {
      const int64_t row = first + t;
      if (row < work.rows) work.squaredNorms[row] = totalOf(work.partials + row * work.segments, work.segments);
    });
  }
};

// Zeros what the mask drops.
template <class Element>
struct Sparsify {
  struct Shared {};
  RowShape shape;
  Element* data;
  int64_t rows, columnBlocks;

  HUSHGRAD_PORTABLE int64_t blocks() const { return rows * columnBlocks; }

  template <class Block>
  HUSHGRAD_PORTABLE void run(const Block& block, Shared&) const {
    constexpr int width = kPack<Element>;
    const Sparsify& work = *this;
    Element* row = data + block.index() / columnBlocks * shape.stride;
    const int64_t firstPack = block.index() % columnBlocks * kThreads;
    block.threads([=, &work](int t) {
      const int64_t first = (firstPack + t) * width;
      if (first >= work.shape.columns) return;
      const uint32_t kept = keptBits(work.shape.mask, first, width, work.shape.columns);
      Pack<Element>* place = reinterpret_cast<Pack<Element>*>(row + first);
      Pack<Element> pack = *place;
      for (int j = 0; j < width; ++j) {
        if (!(kept >> j & 1)) pack.values[j] = Element{};
      }
      *place = pack;
    });
  }
};

}  // namespace hushgrad::cuda
