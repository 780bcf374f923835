// Two ways to cut the work, chosen by shape. Long rows: every thread takes its own columns of the same rows, so that
// its share of rows and sum stays in its cache and there is one sum; the threads meet once a group of rows. Short rows:
// the rows are cut into slabs, dealt to a fixed number of lanes with a sum each, and no thread waits for another.
#include "clipping/example_gradients.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "clipping/row_passes.h"

namespace hushgrad {
namespace {

constexpr int64_t kMostLanes = 16;
constexpr int64_t kRowsALane = 32;             // fewer, and the lanes' own sums cost more than what they add
constexpr int64_t kLaneColumns = 1 << 14;      // so that a lane's rows and sums stay in the second-level cache
constexpr int64_t kBytesAThread = 512 * 1024;  // less is not worth waking a thread for, which may take 50 µs

struct Task {
  const ExampleGradients& gradients;
  const ExampleClipping* clipping;  // null: norms alone
  double* squaredNorms;
  RowTiles cut;

  bool sums() const { return clipping != nullptr; }
  bool wide() const { return gradients.blocks[0].wideSum != nullptr; }
  bool replaces() const { return sums() && !clipping->accumulate; }
};

int usefulThreads(const Task& task, int64_t most) {
  const int64_t bytes = task.gradients.examples * task.cut.columns * cpu::rowTypeBytes(task.gradients.type);
  return static_cast<int>(std::clamp<int64_t>(std::min(bytes / kBytesAThread, most), 1, task.gradients.threads));
}

// Whole tiles of what the caller gets: totals, and what was there before where that is to be kept.
void deliver(const Task& task, TileRange range, const std::vector<double*>& totals) {
  for (size_t index = range.first; index < range.end; ++index) {
    const Tile& tile = task.cut.tiles[index];
    const GradientBlock& block = task.gradients.blocks[tile.block];
    const double* total = totals[tile.block] + tile.first;
    for (int64_t c = 0; c < tile.columns; ++c) {
      const int64_t at = tile.first + c;
      const double before = task.replaces() ? 0 : task.wide() ? block.wideSum[at] : block.sum[at];
      if (task.wide()) block.wideSum[at] = before + total[c];
      if (!task.wide()) block.sum[at] = static_cast<float>(before + total[c]);
    }
  }
}

// ---- Long rows

// Few examples: float32 sums in the caller's memory. Else slabs of them, carried in float64.
struct ColumnSums {
  explicit ColumnSums(const Task& task)
      : direct(task.sums() && !task.wide() && task.gradients.examples <= kSlabRows),
        narrow(task.sums() && !direct ? static_cast<size_t>(task.cut.columns) : 0),
        wide(narrow.size()) {
    if (!task.sums()) return;
    sums.narrow = blockPointers(task.gradients, narrow.data());
    for (size_t b = 0; direct && b < sums.narrow.size(); ++b) sums.narrow[b] = task.gradients.blocks[b].sum;
    if (!direct) sums.wide = blockPointers(task.gradients, wide.data());
  }
  const bool direct;
  std::vector<float> narrow;
  std::vector<double> wide;
  RowSums sums;
};

void clearSums(const Task& task, TileRange range) {
  for (size_t index = range.first; index < range.end; ++index) {
    const Tile& tile = task.cut.tiles[index];
    std::fill_n(task.gradients.blocks[tile.block].sum + tile.first, tile.columns, 0.0f);
  }
}

void runColumns(const Task& task) {
  const int threads = usefulThreads(task, static_cast<int64_t>(task.cut.tiles.size()));
  ColumnSums target(task);
  RowTeam team(task.cut.tiles.size());
  std::vector<RowPasses> passes(static_cast<size_t>(threads), RowPasses(task.cut, task.clipping, task.squaredNorms));
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num(), members = omp_get_num_threads();
    const TileRange range = task.cut.share(thread, members);
    const int rows = cpu::rowsAGroup(task.cut.columns / members, task.gradients.type);
#pragma omp single
    team.members = members;
    if (target.direct && task.replaces()) clearSums(task, range);
    passes[static_cast<size_t>(thread)].run(range, 0, task.gradients.examples, rows, team, thread == 0, target.sums);
    if (task.sums() && !target.direct) deliver(task, range, target.sums.wide);
  }
}

// ---- Short rows

struct Lanes {
  Lanes(const Task& task, int64_t lanes, int threads) {
    const auto columns = task.sums() ? static_cast<size_t>(task.cut.columns) : 0;
    for (int thread = 0; thread < threads; ++thread) {
      teams.emplace_back(task.cut.tiles.size());
      passes.emplace_back(task.cut, task.clipping, task.squaredNorms);
      narrow.emplace_back(columns);
    }
    wide.assign(static_cast<size_t>(lanes), std::vector<double>(columns));
  }
  // Every slab ends with an empty `narrow`, so that a thread's lanes share it.
  RowSums sums(const Task& task, size_t thread, size_t lane) {
    if (!task.sums()) return {};
    return {blockPointers(task.gradients, narrow[thread].data()), blockPointers(task.gradients, wide[lane].data())};
  }
  // By thread; teams of one member.
  std::deque<RowTeam> teams;
  std::vector<RowPasses> passes;
  std::vector<std::vector<float>> narrow;
  // By lane.
  std::vector<std::vector<double>> wide;
};

// The first lane takes up the others, in their order.
void deliverLanes(const Task& task, TileRange range, Lanes& lanes) {
  if (range.first == range.end) return;
  const Tile& last = task.cut.tiles[range.end - 1];
  double* total = lanes.wide[0].data();
  for (size_t lane = 1; lane < lanes.wide.size(); ++lane) {
    const double* part = lanes.wide[lane].data();
    for (int64_t c = task.cut.tiles[range.first].offset; c < last.offset + last.columns; ++c) total[c] += part[c];
  }
  deliver(task, range, blockPointers(task.gradients, total));
}

// Slabs of whole groups of rows, as even as can be.
int64_t slabRowsFor(int64_t examples, int64_t lanes) {
  constexpr int64_t group = cpu::kMostRowsAtOnce;
  const int64_t even = (examples + lanes - 1) / lanes;
  return std::min((even + group - 1) / group * group, kSlabRows);
}

void runLanes(const Task& task, int64_t count) {
  const int64_t examples = task.gradients.examples;
  const int64_t slabRows = slabRowsFor(examples, count), slabs = (examples + slabRows - 1) / slabRows;
  const int threads = usefulThreads(task, count);
  const int rows = cpu::rowsAGroup(task.cut.columns, task.gradients.type);
  Lanes lanes(task, count, threads);
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num(), members = omp_get_num_threads();
    const auto own = static_cast<size_t>(thread);
    for (int64_t lane = thread; lane < count; lane += members) {
      RowSums sums = lanes.sums(task, own, static_cast<size_t>(lane));
      for (int64_t slab = lane; slab < slabs; slab += count) {
        lanes.passes[own].run(task.cut.all(), slab * slabRows, std::min(examples, (slab + 1) * slabRows), rows,
                              lanes.teams[own], true, sums);
      }
    }
#pragma omp barrier
    if (task.sums()) deliverLanes(task, task.cut.share(thread, members), lanes);
  }
}

// Rows of one tile have no columns to share; longer ones go to lanes where all of them have enough to do.
int64_t laneCount(const Task& task) {
  const int64_t lanes = std::min(kMostLanes, task.gradients.examples / kRowsALane);
  const bool oneTile = task.cut.tiles.size() == 1;
  return oneTile || (lanes == kMostLanes && task.cut.columns <= kLaneColumns) ? lanes : 1;
}

void run(const Task& task) {
  const int64_t lanes = laneCount(task);
  if (lanes <= 1) return runColumns(task);
  runLanes(task, lanes);
}

// Tiles of one row after another, so that one long row occupies all threads too.
void dropTiles(const RowTiles& cut, const std::vector<void*>& outputs, int64_t first, int64_t end) {
  const ExampleGradients& gradients = cut.gradients;
  const int64_t tiles = static_cast<int64_t>(cut.tiles.size()), bytes = cpu::rowTypeBytes(gradients.type);
  for (int64_t piece = first; piece < end; ++piece) {
    const Tile& tile = cut.tiles[static_cast<size_t>(piece % tiles)];
    const int64_t row = piece / tiles, at = row * gradients.blocks[tile.block].columns + tile.first;
    cpu::keepColumns(1, tile.columns, gradients.type, gradients.kept + tile.offset, cut.element(tile, row),
                     static_cast<char*>(outputs[tile.block]) + at * bytes);
  }
}

}  // namespace

void dropColumns(const ExampleGradients& gradients, const std::vector<void*>& outputs) {
  const RowTiles cut(gradients);
  const int64_t pieces = gradients.examples * static_cast<int64_t>(cut.tiles.size());
  const int threads = static_cast<int>(std::clamp<int64_t>(pieces / 8, 1, gradients.threads));
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num(), members = omp_get_num_threads();
    dropTiles(cut, outputs, pieces * thread / members, pieces * (thread + 1) / members);
  }
}

int64_t clipExamples(const ExampleGradients& gradients, const ExampleClipping& clipping, double* squaredNorms) {
  run({gradients, &clipping, squaredNorms, RowTiles(gradients)});
  int64_t leftOut = 0;
  for (int64_t b = 0; b < gradients.examples; ++b) {
    bool finite = true;
    for (int g = 0; g < gradients.groups(); ++g)
      finite = finite && std::isfinite(squaredNorms[g * gradients.examples + b]);
    leftOut += !finite;
  }
  return leftOut;
}

void takeExampleNorms(const ExampleGradients& gradients, double* squaredNorms) {
  run({gradients, nullptr, squaredNorms, RowTiles(gradients)});
}

}  // namespace hushgrad
