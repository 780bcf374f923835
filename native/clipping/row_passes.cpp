#include "clipping/row_passes.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace hushgrad {

constexpr int kMostRows = cpu::kMostRowsAtOnce;

RowPasses::RowPasses(const RowTiles& cut, const ExampleClipping* clipping, double* squaredNorms)
    : cut(cut),
      clipping(clipping),
      squaredNorms(squaredNorms),
      norms(cut.groups.size() * kMostRows),
      factors(norms.size()),
      stands(norms.size()) {}

void RowPasses::run(TileRange tiles, int64_t first, int64_t last, int rowsAtOnce, RowTeam& members, bool tells,
                    RowSums& target) {
  range = tiles;
  start = first;
  end = last;
  team = &members;
  reports = tells;
  sums = &target;
  for (int rows = rowsAtOnce; rows >= 1; rows /= 2) first = runGroups(rows, first);
  if (clipping != nullptr && !sums->wide.empty() && (end - start) % kSlabRows != 0) carry();
}

// Whole groups of `rows` examples from `first` on; returns the first example it left.
int64_t RowPasses::runGroups(int rows, int64_t first) {
  if (first + rows > end) return first;
  pass({first, 0}, {first, rows});
  meet({first, rows});
  for (;;) {
    const Group added{first, rows};
    first += rows;
    const Group next{first, first + rows <= end ? rows : 0};
    pass(added, next);
    if (clipping != nullptr && !sums->wide.empty() && (first - start) % kSlabRows == 0) carry();
    if (next.rows == 0) return first;
    meet(next);
  }
}

void RowPasses::pass(Group added, Group normed) {
  for (size_t tile = range.first; tile < range.end; ++tile) passTile(tile, added, normed);
}

double* RowPasses::squares(int row) const {
  return team->squares.data() + static_cast<size_t>(half * kMostRows + row) * cut.tiles.size();
}

void RowPasses::passTile(size_t index, Group added, Group normed) {
  const Tile& tile = cut.tiles[index];
  const size_t own = ownIndex(cut.groupOf(tile));
  const bool adds = clipping != nullptr && added.rows > 0 && stands[own] >= 0;
  const bool takes = normed.rows > 0;
  if (!adds && !takes) return;
  const int rows = std::max(added.rows, normed.rows);
  std::array<const void*, kMostRows> addedRows{}, normedRows{};
  std::array<double, kMostRows> partial{};
  for (int r = 0; r < rows; ++r) {
    if (adds) addedRows[r] = cut.element(tile, stands[own + r]);
    if (takes) normedRows[r] = cut.element(tile, normed.first + r);
  }
  const uint8_t* kept = cut.gradients.kept;
  cpu::addRowsAndTakeNorms({rows, tile.columns, adds ? addedRows.data() : nullptr, factors.data() + own,
                            adds ? sums->narrow[tile.block] + tile.first : nullptr, takes ? normedRows.data() : nullptr,
                            partial.data(), cut.gradients.type, kept == nullptr ? nullptr : kept + tile.offset});
  for (int r = 0; r < normed.rows; ++r) squares(r)[index] = partial[r];
}

// Every member computes all factors for itself: that takes less time than waiting once more.
void RowPasses::meet(Group group) {
  if (team->members > 1) team->barrier.wait(team->members);
  takeNorms(group);
  if (clipping != nullptr) {
    takeFactors(group);
    replaceLeftOut(group);
  }
  half = 1 - half;
}

void RowPasses::takeNorms(Group group) {
  for (size_t g = 0; g < cut.groups.size(); ++g) {
    double* own = norms.data() + ownIndex(g);
    for (int r = 0; r < group.rows; ++r) {
      const double* partial = squares(r);
      own[r] = 0;
      for (size_t tile = cut.groups[g].first; tile < cut.groups[g].end; ++tile) own[r] += partial[tile];
    }
    if (reports)
      std::copy_n(own, group.rows, squaredNorms + static_cast<int64_t>(g) * cut.gradients.examples + group.first);
  }
}

// An example that is not finite in one group is left out of all.
void RowPasses::takeFactors(Group group) {
  std::array<bool, kMostRows> finite;
  finite.fill(true);
  for (size_t g = 0; g < cut.groups.size(); ++g) {
    for (int r = 0; r < group.rows; ++r) finite[r] = finite[r] && std::isfinite(norms[ownIndex(g) + r]);
  }
  for (size_t g = 0; g < cut.groups.size(); ++g) {
    float* own = factors.data() + ownIndex(g);
    clipFactors(*clipping->function, clipping->thresholds[g], group.rows, norms.data() + ownIndex(g), own);
    if (clipping->weights != nullptr) weighFactors(group.rows, clipping->weights + group.first, own);
    for (int r = 0; r < group.rows; ++r) {
      if (!finite[r]) own[r] = 0;
    }
    if (reports)
      std::copy_n(own, group.rows, clipping->factors + static_cast<int64_t>(g) * cut.gradients.examples + group.first);
  }
}

// A row with factor 0 may hold NaN, and 0 · NaN would poison the sum: a row with another factor, which is finite
// throughout, stands in for it.
void RowPasses::replaceLeftOut(Group group) {
  for (size_t own = 0; own < factors.size(); own += kMostRows) {
    int64_t finite = -1;
    for (int r = 0; r < group.rows; ++r) {
      if (factors[own + r] != 0) finite = group.first + r;
    }
    for (int r = 0; r < group.rows; ++r) stands[own + r] = factors[own + r] != 0 ? group.first + r : finite;
  }
}

void RowPasses::carry() {
  for (size_t index = range.first; index < range.end; ++index) {
    const Tile& tile = cut.tiles[index];
    float* narrow = sums->narrow[tile.block] + tile.first;
    double* wide = sums->wide[tile.block] + tile.first;
    for (int64_t c = 0; c < tile.columns; ++c) wide[c] += narrow[c];
    std::fill_n(narrow, tile.columns, 0.0f);
  }
}

}  // namespace hushgrad
