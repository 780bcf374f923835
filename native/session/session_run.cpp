// How a batch is spread over chunks, lanes and workers.
#include <algorithm>

#include "session/session_impl.h"

namespace hushgrad {

void Session::Impl::pack() {
  if (!packedIsStale) return;
  inParallel(threads, [&](int worker) {
    for (size_t i = static_cast<size_t>(worker); i < layers.size(); i += static_cast<size_t>(threads)) {
      if (!packed[i]) continue;
      std::vector<const float*> slots;
      for (int parameter : graph.nodes[i].parameters)
        slots.push_back(parameter < 0 ? nullptr : parameters[static_cast<size_t>(parameter)]);
      layers[i]->pack(slots, packed[i]);
    }
  });
  packedIsStale = false;
}

// As few chunks as fit the chunk size, then as many more as give every lane the same number of them.
int64_t Session::Impl::chunkCount(int64_t examples) const {
  int64_t chunks = (examples + chunkSize - 1) / chunkSize;
  return std::min(examples, (chunks + lanes - 1) / lanes * lanes);
}

// Chunks of one batch differ by at most one example.
Chunk Session::Impl::cut(const BatchView& batch, int64_t index, int64_t chunks) const {
  int64_t first = batch.examples * index / chunks;
  Chunk chunk;
  chunk.examples = batch.examples * (index + 1) / chunks - first;
  chunk.rows = chunk.examples * graph.views;
  chunk.inputs = batch.inputs + first * graph.elements(0);
  // int32 and float32 targets are equally wide.
  if (batch.targets) chunk.targets = static_cast<const float*>(batch.targets) + first * targetFloats();
  if (batch.weights) chunk.weights = batch.weights + first;
  chunk.firstExample = accumulated + static_cast<uint64_t>(first);
  chunk.firstRow = first;
  chunk.dropoutKey = stepDropoutKey();
  return chunk;
}

void BatchStatistics::add(const BatchStatistics& part) {
  examples += part.examples;
  leftOut += part.leftOut;
  clipped += part.clipped;
  lossSum += part.lossSum;
  normSum += part.normSum;
  if (within.size() < part.within.size()) within.resize(part.within.size());
  for (size_t group = 0; group < part.within.size(); ++group) within[group] += part.within[group];
}

bool Session::Impl::accumulate(const BatchView& batch, const std::atomic<bool>* cancelled) {
  const int64_t inputs = graph.elements(0), targets = targetFloats();
  for (int64_t first = 0; first < batch.examples; first += sliceSize) {
    // int32 and float32 targets are equally wide.
    const BatchView slice{std::min(sliceSize, batch.examples - first), batch.inputs + first * inputs,
                          static_cast<const float*>(batch.targets) + first * targets,
                          batch.weights ? batch.weights + first : nullptr};
    if (!accumulateSlice(slice, cancelled)) return false;
  }
  return true;
}

bool Session::Impl::accumulateSlice(const BatchView& batch, const std::atomic<bool>* cancelled) {
  pack();
  if (accumulated > 0 && !integers) carrySums();
  int64_t chunks = chunkCount(batch.examples);
  laneStatistics.assign(static_cast<size_t>(lanes), {});
  auto stopped = [&] { return cancelled && cancelled->load(std::memory_order_relaxed); };
  inParallel(threads, [&](int worker) {
    for (int lane = worker; lane < lanes; lane += threads)
      for (int64_t chunk = lane; chunk < chunks && !stopped(); chunk += lanes) {
        char& fresh = freshLanes[static_cast<size_t>(lane)];
        Program& program = *programs[static_cast<size_t>(worker)];
        BatchStatistics& counts = laneStatistics[static_cast<size_t>(lane)];
        if (integers)
          program.accumulateIntegers(cut(batch, chunk, chunks), integers->lane(lane), fresh, counts);
        else
          program.accumulate(cut(batch, chunk, chunks), laneSums(lane), fresh, counts);
        fresh = false;
      }
  });
  if (stopped()) {
    clear();
    return false;
  }
  for (const BatchStatistics& part : laneStatistics) statistics.add(part);
  deferred->keep(batch.examples);
  accumulated += static_cast<uint64_t>(batch.examples);
  return true;
}

void Session::Impl::evaluate(const BatchView& batch, float* outputs, double* losses) {
  if (batch.examples == 0) return;
  pack();
  BatchView grouped = batch;  // as many rows as training would take for one example
  grouped.examples = (batch.examples + graph.views - 1) / graph.views;
  int64_t chunks = chunkCount(grouped.examples);
  int64_t width = graph.viewElements(graph.output());
  inParallel(threads, [&](int worker) {
    for (int64_t index = worker; index < chunks; index += threads) {
      int64_t first = grouped.examples * index / chunks * graph.views;
      Chunk chunk = cut(grouped, index, chunks);
      chunk.rows = std::min(chunk.rows, batch.examples - first);
      programs[static_cast<size_t>(worker)]->evaluate(chunk, outputs ? outputs + first * width : nullptr,
                                                      losses ? losses + first : nullptr);
    }
  });
}

void Session::Impl::perExampleGradients(const BatchView& batch, float* const* gradients, double* squaredNorms,
                                        double* losses) {
  pack();
  if (!diagnostics) {
    const StrategyRow& naive = strategyRow(Strategy::naive);
    diagnostics = std::make_unique<Program>(programSetup(naive, chooseMethods(graph, layers, naive, masked()), 1));
    if (mask) diagnostics->setMasks(*mask);
  }
  auto normsFrom = [&](const Program& program, int64_t first, int64_t count) {
    for (int group = 0; squaredNorms && group < spec.clipping.groups(); ++group)
      for (int64_t b = 0; b < count; ++b)
        squaredNorms[group * batch.examples + first + b] = program.squaredNorm(group, b);
  };
  for (int64_t b = 0; b < batch.examples; ++b) {
    diagnostics->computeNorms(cut(batch, b, batch.examples));
    if (losses) losses[b] = diagnostics->losses()[0];
    normsFrom(*diagnostics, b, 1);
    for (size_t p = 0; gradients && p < parameters.size(); ++p) {
      const GradientLayout::Place& place = layout.parameters[p];
      if (!gradients[p] || !place.trained) continue;
      float* gradient = gradients[p] + b * elementCount(graph.parameters[p].shape);
      layout.unpack(p, layers, diagnostics->writtenGradient(p, 0), gradient);
      if (mask) mask->zeroDropped(p, gradient);
    }
  }
  // The strategy's own norms, which may be ghost norms, in place of the written-out ones.
  if (!squaredNorms || strategy.norm == NormBy::nothing) return;
  int64_t chunks = chunkCount(batch.examples);
  for (int64_t index = 0; index < chunks; ++index) {
    Chunk chunk = cut(batch, index, chunks);
    programs[0]->computeNorms(chunk);
    normsFrom(*programs[0], batch.examples * index / chunks, chunk.examples);
  }
}

}  // namespace hushgrad
