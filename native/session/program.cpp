// Execution of a chunk: forward, losses, backward passes, norms, clip factors, clipped sums.
#include "session/program.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "session/program_node.h"

namespace hushgrad {

// Rows of one block of the fused passes: half of a usual second-level cache.
static constexpr int64_t kBlockBytes = 512 * 1024;

// splitmix64's finaliser: neighbouring nodes get unrelated dropout keys.
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void Program::pointAt(float* sums, bool fresh, int64_t row) {
  if (fresh) std::fill_n(sums, gradientLayout.laneColumns, 0.0f);
  laneSums = sums;
  for (Node& node : nodes)
    for (size_t slot = 0; slot < node.sums.size(); ++slot) {
      if (!node.norms[slot]) continue;
      const size_t parameter = static_cast<size_t>(node.spec->parameters[slot]);
      if (gradientLayout.parameters[parameter].deferred)
        node.operands[slot] = setup.operands[parameter] + row * node.layer->operandFloats(slot);
      else
        node.sums[slot] = sums + node.offsets[slot];
    }
}

void Program::setMasks(const SessionMask& mask) {
  for (Node& node : nodes) {
    node.tape.masks.clear();
    for (int parameter : node.spec->parameters)
      node.tape.masks.push_back(parameter < 0 || node.gathers ? SlotMask{} : mask.slot(static_cast<size_t>(parameter)));
  }
  for (Written& of : written) of.mask = mask.slot(of.parameter).bits;
}

void Program::accumulate(const Chunk& chunk, float* sums, bool fresh, BatchStatistics& statistics) {
  pointAt(sums, fresh, chunk.firstRow);
  forwardAndBackward(chunk);
  if (wholeRows()) {
    clipWholeRows(chunk.examples, sums);
  } else if (setup.strategy.norm != NormBy::nothing) {
    addWrittenNorms(0, chunk.examples);
    leaveOutBadExamples(0, chunk.examples, factorTime());
    computeFactors(0, chunk.examples);
    addKept(chunk.examples);
    if (secondPass()) backward(1);
  }
  count(chunk.examples, statistics);
}

void Program::accumulateIntegers(const Chunk& chunk, int64_t* sums, bool fresh, BatchStatistics& statistics) {
  if (fresh) std::fill_n(sums, gradientLayout.laneColumns, 0);
  forwardAndBackward(chunk);
  addWrittenNorms(0, chunk.examples);
  leaveOutBadExamples(0, chunk.examples, factorTime());
  computeFactors(0, chunk.examples);
  for (int64_t b = 0; b < chunk.examples; ++b) addRoundedRow(b, sums);
  count(chunk.examples, statistics);
}

void Program::forwardAndBackward(const Chunk& chunk) {
  weights = chunk.weights;
  forward(chunk, true);
  computeLosses(chunk);
  backward(0);
}

void Program::computeNorms(const Chunk& chunk) {
  forward(chunk, true);
  computeLosses(chunk);
  backward(0);
  addWrittenNorms(0, chunk.examples);
}

void Program::evaluate(const Chunk& chunk, float* outputs, double* losses) {
  forward(chunk, false);
  const float* values = nodes.back().tape.output;
  size_t floats = static_cast<size_t>(chunk.rows * setup.graph.viewElements(setup.graph.output()));
  if (outputs) std::memcpy(outputs, values, floats * sizeof(float));
  if (losses)
    loss->evaluate(chunk.rows, values, chunk.targets, losses, nullptr, memory.get() + memoryPlan.offset(lossScratch));
}

const float* Program::writtenGradient(size_t parameter, int64_t example) const {
  return rows + example * gradientLayout.columns + gradientLayout.parameters[parameter].offset;
}

// ---- Forward and backward

void Program::forward(const Chunk& chunk, bool training) {
  float* input = memory.get() + memoryPlan.offset(valueBuffers[0]);
  std::memcpy(input, chunk.inputs, static_cast<size_t>(chunk.rows * setup.graph.viewElements(0)) * sizeof(float));
  for (size_t i = 0; i < nodes.size(); ++i) {
    Tape& tape = nodes[i].tape;
    tape.examples = chunk.examples;
    tape.training = training;
    tape.firstExample = chunk.firstExample;
    tape.dropoutKey = mix(chunk.dropoutKey + 0x9e3779b97f4a7c15u * (i + 1));
    if (!nodes[i].layer->isView()) nodes[i].layer->forward(tape);
  }
}

void Program::computeLosses(const Chunk& chunk) {
  float* gradient = memory.get() + memoryPlan.offset(gradientBuffers[0][static_cast<size_t>(setup.graph.output())]);
  loss->evaluate(chunk.rows, nodes.back().tape.output, chunk.targets, viewLosses.data(), gradient,
                 memory.get() + memoryPlan.offset(lossScratch));
  averageViews(chunk.examples, gradient);
  std::fill(squaredNorms.begin(), squaredNorms.end(), 0.0);
  std::fill(leftOut.begin(), leftOut.end(), 0);
  // Without norms there is no later moment to notice a bad example.
  if (setup.strategy.norm != NormBy::nothing) return;
  leaveOutBadExamples(0, chunk.examples, lossTime());
  useWeightsAsFactors(chunk.examples);
}

// From a loss for each view to one for the example, the mean of them, and its gradient.
void Program::averageViews(int64_t examples, float* outputGradients) {
  const int64_t views = setup.graph.views;
  for (int64_t b = 0; b < examples; ++b) {
    const auto first = viewLosses.begin() + b * views;
    lossValues[static_cast<size_t>(b)] = std::accumulate(first, first + views, 0.0) / static_cast<double>(views);
  }
  if (views == 1) return;
  const float share = 1 / static_cast<float>(views);
  const int64_t floats = examples * setup.graph.elements(setup.graph.output());
  for (int64_t i = 0; i < floats; ++i) outputGradients[i] *= share;
}

void Program::backward(int pass) {
  for (size_t i = nodes.size(); i-- > 0;) {
    Node& node = nodes[i];
    if (!node.backward) continue;
    node.tape.outputGradient = node.passes[pass].outputGradient;
    if (node.trains) answer(node, pass);
    if (node.propagates) propagate(node, pass);
  }
}

void Program::answer(Node& node, int pass) {
  if (node.gathers) {
    if (pass == 0) gather(node);
    return;
  }
  // The second pass weights each layer's output gradient, not the loss: the same sum, but a factor of 1e30 on a loss
  // could overflow on its way back, and what overflows is no longer bounded by the threshold.
  if (pass == 1) {
    addSum(node, node.factors.data());
    return;
  }
  switch (node.method.norm) {
    case NormBy::nothing:
      addSum(node, weights ? node.factors.data() : nullptr);
      return;
    case NormBy::ghost:
      node.layer->addGhostNorms(node.tape, node.norms.data());
      return;
    default:
      // Strategies that keep whole rows make the norms a pass of its own.
      node.layer->writeGradients(node.tape, node.gradients.data(), node.stride,
                                 wholeRows() ? nullptr : node.norms.data());
  }
}

// A shared parameter's gradient is the sum over the layers that have it. Whatever the strategy, it is written out and
// added up before its norm is taken: large parts may cancel, and their ghost norms with them.
void Program::gather(Node& node) {
  if (sumsAtOnce()) {
    for (size_t slot = 0; slot < node.sums.size(); ++slot)
      if (node.sums[slot]) std::fill_n(node.sums[slot], node.layer->gradientFloats(slot), 0.0f);
    addSum(node, weights ? node.factors.data() : nullptr);
  } else {
    node.layer->writeGradients(node.tape, node.gradients.data(), node.stride, nullptr);
  }
  for (size_t slot = 0; slot < node.gathered.size(); ++slot)
    if (node.gathered[slot] >= 0) gatherSlot(node, slot, sumsAtOnce() ? 1 : node.tape.examples);
}

void Program::gatherSlot(Node& node, size_t slot, int64_t examples) {
  const Written& to = written[static_cast<size_t>(node.gathered[slot])];
  for (int64_t b = 0; b < examples; ++b) {
    const float* from = node.gradients[slot] + b * node.stride;
    float* row = to.gradients + b * to.stride;
    if (sumsAtOnce()) row = laneSums + gradientLayout.parameters[to.parameter].offset;
    if (node.layer->hasOwnOrder(slot)) {
      node.layer->unpackGradient(slot, from, gatherRoom);
      from = gatherRoom;
    }
    if (node.overwrites[slot])
      std::copy_n(from, to.floats, row);
    else
      setup.backend.add(to.floats, from, row);
  }
}

void Program::addSum(Node& node, const float* const* factors) {
  for (size_t slot = 0; slot < node.operands.size(); ++slot)
    if (node.operands[slot])
      node.layer->keepOperands(node.tape, slot, factors ? factors[slot] : nullptr, node.operands[slot]);
  node.layer->addWeightedSum(node.tape, factors, node.sums.data());
}

void Program::propagate(Node& node, int pass) {
  const Pass& bound = node.passes[pass];
  node.tape.inputGradients.assign(bound.targets.begin(), bound.targets.end());
  if (!node.layer->isView()) {
    node.layer->inputGradient(node.tape);
  } else if (bound.targets[0] != bound.outputGradient) {
    std::memcpy(bound.targets[0], bound.outputGradient,
                static_cast<size_t>(node.tape.examples * setup.graph.elements(node.spec->inputs[0])) * sizeof(float));
  }
  for (size_t k = 0; k < bound.targets.size(); ++k) {
    if (!bound.addTo[k] || !bound.targets[k]) continue;
    int64_t elements = setup.graph.elements(node.spec->inputs[k]);
    setup.backend.add(node.tape.examples * elements, bound.targets[k], bound.addTo[k]);
  }
}

// ---- Bad examples: left out by selection, their rows zeroed before any product over examples.

void Program::leaveOutBadExamples(int64_t first, int64_t examples, int time) {
  int groups = setup.session.clipping.groups();
  for (int64_t b = first; b < first + examples; ++b) {
    bool finite = std::isfinite(lossValues[static_cast<size_t>(b)]);
    for (int g = 0; g < groups; ++g) finite = finite && std::isfinite(squaredNorm(g, b));
    if (finite) continue;
    leftOut[static_cast<size_t>(b)] = 1;
    for (int g = 0; g < groups; ++g)
      squaredNorms[static_cast<size_t>(g * capacity + b)] = std::numeric_limits<double>::infinity();
    zeroRow(b, time);
  }
}

void Program::zeroRow(int64_t example, int time) {
  for (int buffer : memoryPlan.aliveAt(time)) {
    int64_t floats = memoryPlan.rowFloats(buffer);
    float* row = memory.get() + memoryPlan.offset(buffer) + example * floats;
    std::fill(row, row + floats, 0.0f);
  }
}

// ---- Factors and sums

void Program::computeFactors(int64_t first, int64_t examples) {
  const ClippingSpec& clipping = setup.session.clipping;
  for (int g = 0; g < clipping.groups(); ++g)
    clipFactors(*clipFunction, clipping.innerThreshold(g, gradientLayout.groupColumns(static_cast<size_t>(g))),
                examples, squaredNorms.data() + g * capacity + first, weights ? weights + first : nullptr,
                factors.data() + g * capacity + first);
}

// Without norms nothing is clipped, and the weights are all there is to multiply by.
void Program::useWeightsAsFactors(int64_t examples) {
  for (int g = 0; weights && g < setup.session.clipping.groups(); ++g)
    std::copy_n(weights, examples, factors.data() + g * capacity);
}

void Program::addKept(int64_t examples) {
  for (Node& node : nodes) {
    if (!node.trains || node.method.sum != SumBy::keptOutputGradient) continue;
    node.tape.outputGradient = node.passes[0].outputGradient;
    addSum(node, node.factors.data());
  }
  addWrittenRows(0, examples, true);
}

// Of all of them, where no layer has taken the norms while it wrote; else of gathered ones.
void Program::addWrittenNorms(int64_t first, int64_t examples) {
  for (const Written& of : written)
    if (wholeRows() || of.gathered)
      setup.backend.addSquaredNorms(examples, of.floats, of.gradients + first * of.stride, of.stride, of.norms + first,
                                    of.mask);
}

void Program::addWrittenRows(int64_t first, int64_t examples, bool weighted) {
  for (const Written& of : written)
    setup.backend.addWeightedRows(examples, of.floats, of.gradients + first * of.stride, of.stride,
                                  weighted ? of.factors + first : nullptr,
                                  laneSums + gradientLayout.parameters[of.parameter].offset);
}

// Strategies that keep whole per-example gradients: norm, factor and sum as separate passes over all of them, or
// block by block, while a block's rows still lie in cache.
void Program::clipWholeRows(int64_t examples, float* sums) {
  if (setup.strategy.fusedPasses && flat() && !masked()) return clipWholeRowsFused(examples, sums);
  int64_t rowBytes = gradientLayout.columns * static_cast<int64_t>(sizeof(float));
  int64_t block = setup.strategy.fusedPasses ? std::max<int64_t>(1, kBlockBytes / rowBytes) : examples;
  for (int64_t first = 0; first < examples; first += block) {
    int64_t count = std::min(block, examples - first);
    addWrittenNorms(first, count);
    leaveOutBadExamples(first, count, factorTime());
    computeFactors(first, count);
    if (!setup.strategy.fusedPasses) scaleWrittenRows(count);
    addWrittenRows(first, count, setup.strategy.fusedPasses);
  }
}

// The separate pass that `materialize` makes; all rows at once.
void Program::scaleWrittenRows(int64_t examples) {
  for (const Written& of : written)
    for (int64_t b = 0; b < examples; ++b) {
      float* row = of.gradients + b * of.stride;
      setup.backend.scaleRows(1, of.floats, of.factors + b, row, row);
    }
}

// Integers of dropped coordinates would count in the exact norm. What the masks drop may not even have been written.
void Program::zeroDropped(int64_t example) {
  for (const Written& of : written) {
    float* gradient = of.gradients + example * of.stride;
    for (int64_t i = 0; of.mask && i < of.floats; ++i)
      if (!(of.mask[i / 8] >> (i % 8) & 1)) gradient[i] = 0;
  }
}

void Program::addRoundedRow(int64_t example, int64_t* sums) {
  zeroDropped(example);
  const double grid = setup.session.clipping.grid();
  for (size_t g = 0; g < rowScales.size(); ++g)
    rowScales[g] =
        static_cast<double>(factors[g * static_cast<size_t>(capacity) + static_cast<size_t>(example)]) / grid;
  const float* row = rows + example * gradientLayout.columns;
  addRounded(
      {row, static_cast<int>(rowScales.size()), gradientLayout.groupEnds.data(), rowScales.data(), rowIntegers.data()},
      sums);
}

void Program::clipWholeRowsFused(int64_t examples, float* sums) {
  for (int64_t b = 0; b < examples; ++b)
    if (!std::isfinite(lossValues[static_cast<size_t>(b)])) zeroRow(b, factorTime());
  clipRowsFused({clipFunction.get(), setup.session.clipping.thresholds[0], examples, gradientLayout.columns,
                 gradientLayout.columns, squaredNorms.data(), factors.data(), sums, weights},
                rows);
  for (int64_t b = 0; b < examples; ++b)
    leftOut[static_cast<size_t>(b)] =
        !std::isfinite(lossValues[static_cast<size_t>(b)]) || !std::isfinite(squaredNorms[static_cast<size_t>(b)]);
}

// ---- Diagnostics

void Program::count(int64_t examples, BatchStatistics& statistics) const {
  const std::vector<double>& thresholds = setup.session.clipping.thresholds;
  statistics.within.resize(thresholds.size());
  statistics.examples += examples;
  for (int64_t b = 0; b < examples; ++b) {
    double value = lossValues[static_cast<size_t>(b)];
    if (std::isfinite(value)) statistics.lossSum += value;
    if (leftOut[static_cast<size_t>(b)]) {
      ++statistics.leftOut;
      continue;
    }
    double squared = 0;
    bool shortened = false;
    for (size_t g = 0; g < thresholds.size(); ++g) {
      double group = squaredNorm(static_cast<int>(g), b);
      bool within = group <= thresholds[g] * thresholds[g];
      squared += group;
      statistics.within[g] += within;
      shortened = shortened || !within;
    }
    statistics.normSum += std::sqrt(squared);
    statistics.clipped += shortened;
  }
}

}  // namespace hushgrad
