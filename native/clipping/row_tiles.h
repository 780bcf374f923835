// Rows of gradients cut into tiles of columns: what norms are added up from, and what threads share. The cut depends on
// the shape alone.
#pragma once

#include <vector>

#include "clipping/example_gradients.h"

namespace hushgrad {

struct Tile {
  size_t block;
  int64_t first, columns;  // within the block
  int64_t offset;          // within the whole row
};

struct TileRange {
  size_t first = 0, end = 0;
};

struct RowTiles {
  explicit RowTiles(const ExampleGradients& gradients);

  // The tiles that start in the thread's part of the columns.
  TileRange share(int thread, int threads) const;
  TileRange all() const { return {0, tiles.size()}; }
  const void* element(const Tile& tile, int64_t row) const;
  size_t groupOf(const Tile& tile) const { return gradients.perBlock ? tile.block : 0; }

  const ExampleGradients& gradients;
  std::vector<Tile> tiles;
  std::vector<TileRange> groups;
  int64_t columns = 0;  // of all blocks
};

// By block: each block's part of memory that holds one whole row.
template <class Number>
std::vector<Number*> blockPointers(const ExampleGradients& gradients, Number* memory) {
  std::vector<Number*> pointers;
  for (const GradientBlock& block : gradients.blocks) {
    pointers.push_back(memory);
    if (memory != nullptr) memory += block.columns;
  }
  return pointers;
}

}  // namespace hushgrad
