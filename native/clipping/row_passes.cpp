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

void RowPasses::run(TileRange tiles, int64_t first, int64_t last, int rowsAGroup, RowTeam& members, bool tells,
                    RowSums& target) {
  range = tiles;
  start = first;
  end = last;
  team = &members;
  reports = tells;
  sums = &target;
  for (int rows = rowsAGroup; rows >= 1; rows /= 2) first = runGroups(rows, first);
  if (clipping != nullptr && !sums->wide.empty() && (end - start) % kSlabRows != 0) carry();
}

// Whole groups of `rows` examples from `first` on; returns the first example it left.
int64_t RowPasses::runGroups(int rows, int64_t first) {
  for (; first + rows <= end; first += rows) {
    const Group group{first, rows};
    norm(group);
    meet(group);
    if (clipping == nullptr) continue;
    add(group);
    if (!sums->wide.empty() && (first + rows - start) % kSlabRows == 0) carry();
  }
  return first;
}

double* RowPasses::squares(int row) const {
  return team->squares.data() + static_cast<size_t>(half * kMostRows + row) * cut.tiles.size();
}

void RowPasses::norm(Group group) {
  for (size_t tile = range.first; tile < range.end; ++tile) normTile(tile, group);
}

void RowPasses::normTile(size_t index, Group group) {
  const Tile& tile = cut.tiles[index];
  std::array<const void*, kMostRows> pointers{};
  std::array<double, kMostRows> partial{};
  for (int r = 0; r < group.rows; ++r) pointers[r] = cut.element(tile, group.first + r);
  cpu::takeSquaredNorms({group.rows, tile.columns, pointers.data(), cut.gradients.type, keptOf(tile)}, partial.data());
  for (int r = 0; r < group.rows; ++r) squares(r)[index] = partial[r];
}

void RowPasses::add(Group group) {
  for (size_t tile = range.first; tile < range.end; ++tile) addTile(cut.tiles[tile], group);
}

void RowPasses::addTile(const Tile& tile, Group group) {
  const size_t own = ownIndex(cut.groupOf(tile));
  if (stands[own] < 0) return;
  std::array<const void*, kMostRows> pointers{};
  for (int r = 0; r < group.rows; ++r) pointers[r] = cut.element(tile, group.first + stands[own + r]);
  cpu::addTypedRows({group.rows, tile.columns, pointers.data(), cut.gradients.type, keptOf(tile)}, factors.data() + own,
                    sums->narrow[tile.block] + tile.first);
}

const uint8_t* RowPasses::keptOf(const Tile& tile) const {
  return cut.gradients.kept == nullptr ? nullptr : cut.gradients.kept + tile.offset;
}

// Every member computes all factors for itself: that takes less time than waiting once more.
void RowPasses::meet(Group group) {
  if (team->members > 1) team->barrier.wait(team->members);
  takeNorms(group);
  if (clipping != nullptr) {
    takeFactors(group);
    for (size_t own = 0; own < factors.size(); own += kMostRows)
      standIns(group.rows, factors.data() + own, stands.data() + own);
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
    clipFactors(*clipping->function, clipping->thresholds[g], group.rows, norms.data() + ownIndex(g), nullptr, own);
    if (clipping->weights != nullptr) weighFactors(group.rows, clipping->weights + group.first, own);
    for (int r = 0; r < group.rows; ++r) {
      if (!finite[r]) own[r] = 0;
    }
    if (reports)
      std::copy_n(own, group.rows, clipping->factors + static_cast<int64_t>(g) * cut.gradients.examples + group.first);
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
