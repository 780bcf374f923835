#include "clipping/row_tiles.h"

#include <algorithm>

namespace hushgrad {

constexpr int64_t kTileColumns = 2048;

RowTiles::RowTiles(const ExampleGradients& gradients) : gradients(gradients) {
  for (size_t block = 0; block < gradients.blocks.size(); ++block) {
    const size_t before = tiles.size();
    const int64_t width = gradients.blocks[block].columns;
    for (int64_t first = 0; first < width; first += kTileColumns) {
      tiles.push_back({block, first, std::min(kTileColumns, width - first), columns + first});
    }
    columns += width;
    if (gradients.perBlock) groups.push_back({before, tiles.size()});
  }
  if (!gradients.perBlock) groups.push_back(all());
}

TileRange RowTiles::share(int thread, int threads) const {
  const auto firstFrom = [&](int64_t column) {
    const auto before = [](const Tile& tile, int64_t offset) { return tile.offset < offset; };
    return static_cast<size_t>(std::lower_bound(tiles.begin(), tiles.end(), column, before) - tiles.begin());
  };
  return {firstFrom(columns * thread / threads), firstFrom(columns * (thread + 1) / threads)};
}

const void* RowTiles::element(const Tile& tile, int64_t row) const {
  const GradientBlock& block = gradients.blocks[tile.block];
  const int64_t index = row * block.columns + tile.first;
  return static_cast<const char*>(block.data) + index * cpu::rowTypeBytes(gradients.type);
}

}  // namespace hushgrad
