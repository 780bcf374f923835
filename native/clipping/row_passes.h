// One thread's way through rows, group by group: their norms from memory, then their sum from cache. In between the
// team meets, for a norm needs every thread's tiles.
#pragma once

#include <functional>
#include <vector>

#include "clipping/barrier.h"
#include "clipping/row_tiles.h"

namespace hushgrad {

constexpr int64_t kSlabRows = 256;  // summed in float32 before float64 takes over; a multiple of every group of rows

// What the threads of a team share. The halves of `squares` take turns: a thread may still be reading one while the
// next group's squares are written.
struct RowTeam {
  explicit RowTeam(size_t tiles) : squares(2 * cpu::kMostRowsAtOnce * tiles) {}
  int members = 1;
  std::vector<double> squares;  // [2, kMostRowsAtOnce, tiles]
  Barrier barrier;
};

// By block; `wide` takes over from `narrow` after every slab and at the end. Null: nothing takes over.
struct RowSums {
  std::vector<float*> narrow;
  std::vector<double*> wide;
};

class RowPasses {
 public:
  // clipping null: norms alone. Everything that is allocated, is allocated here.
  RowPasses(const RowTiles& cut, const ExampleClipping* clipping, double* squaredNorms);

  // Rows [first, end) of the tiles in `range`. Whoever `reports` writes norms and factors for the caller.
  void run(TileRange range, int64_t first, int64_t end, int rowsAGroup, RowTeam& team, bool reports, RowSums& sums);

 private:
  struct Group {
    int64_t first;
    int rows;
  };
  int64_t runGroups(int rows, int64_t first);
  void norm(Group group);
  void normTile(size_t index, Group group);
  void add(Group group);
  void addTile(const Tile& tile, Group group);
  const uint8_t* keptOf(const Tile& tile) const;
  void meet(Group group);
  void takeNorms(Group group);
  void takeFactors(Group group);
  void carry();
  double* squares(int row) const;
  size_t ownIndex(size_t group) const { return group * cpu::kMostRowsAtOnce; }

  const RowTiles& cut;
  const ExampleClipping* const clipping;
  double* const squaredNorms;
  std::vector<double> norms;   // [groups, kMostRowsAtOnce]
  std::vector<float> factors;  // [groups, kMostRowsAtOnce]
  std::vector<int> stands;     // [groups, kMostRowsAtOnce]: see standIns

  TileRange range;
  int64_t start = 0, end = 0;
  RowTeam* team = nullptr;
  RowSums* sums = nullptr;
  bool reports = false;
  int half = 0;
};

}  // namespace hushgrad
