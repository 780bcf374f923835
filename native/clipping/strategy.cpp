#include "clipping/strategy.h"

#include <stdexcept>

namespace hushgrad {

// Origins: Abadi et al. 2016 (naive); Opacus (materialize); Lee & Kifer 2021 (reweight); Li et al. 2022 (ghost);
// Bu et al. 2023 (book-keeping and mixed ghost norms: auto).
static const StrategyRow kRows[] = {
    {Strategy::none, "none", NormBy::nothing, SumBy::immediately, false, false},
    {Strategy::naive, "naive", NormBy::writtenOut, SumBy::writtenOut, true, false},
    {Strategy::materialize, "materialize", NormBy::writtenOut, SumBy::writtenOut, false, false},
    {Strategy::fused, "fused", NormBy::writtenOut, SumBy::writtenOut, false, true},
    {Strategy::reweight, "reweight", NormBy::writtenOut, SumBy::secondBackward, false, false},
    {Strategy::ghost, "ghost", NormBy::ghost, SumBy::secondBackward, false, false},
    {Strategy::autoSelect, "auto", NormBy::cheaper, SumBy::keptOutputGradient, false, false},
};

const StrategyRow& strategyRow(Strategy strategy) {
  for (const StrategyRow& row : kRows)
    if (row.strategy == strategy) return row;
  throw std::invalid_argument("strategy out of range");
}

Strategy parseStrategy(const std::string& name) {
  std::string known;
  for (const StrategyRow& row : kRows) {
    if (name == row.name) return row.strategy;
    known += known.empty() ? row.name : std::string(", ") + row.name;
  }
  throw std::invalid_argument("strategy: got '" + name + "', expected one of " + known);
}

}  // namespace hushgrad
