// Strategies: how the clipped sum is computed. They differ in time and memory, never in the result. Each is a
// composition of a layer's three answers, described by one row of a table; the worker executes the row.
#pragma once

#include <string>

namespace hushgrad {

enum class Strategy { none, naive, materialize, fused, reweight, ghost, autoSelect };

// How a layer's squared norms come about.
enum class NormBy { nothing, ghost, writtenOut, cheaper };
// How a layer's gradients get into the sum.
enum class SumBy {
  immediately,         // during the one backward pass: factors are all one (not private)
  writtenOut,          // from per-example gradients kept in memory
  keptOutputGradient,  // book-keeping: the weighted sum from the kept input and output gradient
  secondBackward       // the weighted sum during a second backward pass
};

struct StrategyRow {
  Strategy strategy;
  const char* name;
  NormBy norm;
  SumBy sum;
  bool oneExample;   // chunk size 1
  bool fusedPasses;  // written-out gradients: norm, clip and sum in one read of memory
};

const StrategyRow& strategyRow(Strategy strategy);
Strategy parseStrategy(const std::string& name);  // throws std::invalid_argument, listing the names

}  // namespace hushgrad
