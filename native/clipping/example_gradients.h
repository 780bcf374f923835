// Clipping of gradients that the caller already has, one row an example, as one block [examples, P] or a block a
// parameter [examples, p_i]: norm, clip and sum in one read of memory, on all threads.
//
// How the work is cut depends on the gradients' shape alone, so the result is the same to the bit for every number of
// threads: norms are added up from tiles of columns in their order, sums from rows in their order.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/typed_rows.h"
#include "clipping/clipping.h"

namespace hushgrad {

struct GradientBlock {
  const void* data;  // [examples, columns] without gaps
  int64_t columns;
  // Σ_b factor·gradient of this block, [columns], in one of the two types; both null where only norms are asked for.
  float* sum = nullptr;
  double* wideSum = nullptr;
};

struct ExampleGradients {
  cpu::RowType type = cpu::RowType::float32;
  int64_t examples = 0;
  std::vector<GradientBlock> blocks;
  bool perBlock = false;          // each block is a norm group; else all are one
  const uint8_t* kept = nullptr;  // [Σ columns], 0: dropped from every gradient before its norm; null: all kept
  int threads = 1;
  int groups() const { return perBlock ? static_cast<int>(blocks.size()) : 1; }
};

struct ExampleClipping {
  const ClipFunction* function;
  std::vector<double> thresholds;  // by group
  const double* weights;           // [examples], applied after clipping; null: all one
  bool accumulate;                 // add to the sums that are there, instead of replacing them
  float* factors;                  // [groups, examples], out: what each gradient was multiplied by, weight included
};

// The clipped sum; squaredNorms [groups, examples] come back too, as takeSquaredNorms gives them. Returns how many
// examples were left out because a norm of theirs is not finite: such an example has factor 0 in every group. Rows are
// summed in float32 for at most 256 examples at a time, and these sums in float64.
int64_t clipExamples(const ExampleGradients& gradients, const ExampleClipping& clipping, double* squaredNorms);

// outputs[block][b, c] = kept[c] ? gradient : 0, of the same type; an output may be its block's data.
void dropColumns(const ExampleGradients& gradients, const std::vector<void*>& outputs);

// Norms alone, in one read.
void takeExampleNorms(const ExampleGradients& gradients, double* squaredNorms);

}  // namespace hushgrad
