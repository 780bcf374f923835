// Memory of a program: when every buffer is alive, which ones share a place, and the pointers that follow.
#include <algorithm>
#include <cstring>

#include "session/program_node.h"

namespace hushgrad {

static constexpr int64_t kAlignment = 16;
static int64_t aligned(int64_t floats) {
  return (floats + kAlignment - 1) / kAlignment * kAlignment;
}

Program::Program(const ProgramSetup& given)
    : setup(given),
      capacity(given.capacity),
      loss(makeLoss({given.session.loss, given.session.lossAttributes,
                     given.graph.shapes[static_cast<size_t>(given.graph.output())]})),
      clipFunction(makeClipFunction(given.session.clipping.function, given.session.clipping.attributes)) {
  const Graph& graph = setup.graph;
  std::vector<std::unique_ptr<Layer>> layers;
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    layers.push_back(makeNodeLayer(graph, i, setup.layerCapacity, setup.backend, masked()));
  gradientLayout = layOutGradient(graph, layers, setup.methods, setup.session.clipping);
  nodes.resize(layers.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    Node& node = nodes[i];
    node.layer = std::move(layers[i]);
    node.spec = &graph.nodes[i];
    node.method = setup.methods[i];
    node.trains = graph.trains(i);
    node.gathers = graph.shares(i);
    node.backward = graph.needsGradient[i + 1];
    for (int value : node.spec->inputs)
      node.propagates = node.propagates || graph.needsGradient[static_cast<size_t>(value)];
  }

  size_t groups = static_cast<size_t>(setup.session.clipping.groups());
  lossValues.resize(static_cast<size_t>(capacity));
  viewLosses.resize(static_cast<size_t>(capacity * graph.views));
  leftOut.resize(static_cast<size_t>(capacity));
  squaredNorms.resize(groups * static_cast<size_t>(capacity));
  factors.resize(groups * static_cast<size_t>(capacity));
  rowScales.resize(groups);
  if (setup.session.clipping.integers) rowIntegers.resize(static_cast<size_t>(gradientLayout.columns));

  planValues(memoryPlan);
  planGathered(memoryPlan);
  planAnswers(memoryPlan);
  planGradients(memoryPlan, 0);
  if (secondPass()) planGradients(memoryPlan, 1);
  totalFloats = memoryPlan.place();
  memory = allocateFloats(totalFloats);
  bind(memoryPlan);
  bindAnswers(memoryPlan);
}

Program::~Program() = default;

// ---- Values

int Program::lastRead(int value) const {
  const Graph& graph = setup.graph;
  int last = value == graph.output() ? lossTime() : value;
  auto readInBackward = [&](int node) {
    last = std::max(last, backwardTime(0, node));
    if (secondPass()) last = std::max(last, backwardTime(1, node));
  };
  for (int consumer : graph.consumers[static_cast<size_t>(value)]) {
    const Node& node = nodes[static_cast<size_t>(consumer)];
    last = std::max(last, consumer);
    if (!node.backward || !node.layer->backwardReadsInput()) continue;
    readInBackward(consumer);
    if (node.trains && node.method.sum == SumBy::keptOutputGradient) last = std::max(last, sumTime());
  }
  if (value > 0 && nodes[static_cast<size_t>(value) - 1].backward &&
      nodes[static_cast<size_t>(value) - 1].layer->backwardReadsOutput())
    readInBackward(value - 1);
  return last;
}

// Whether nobody but its one consumer will read this value again, so that the consumer may overwrite it.
static bool overwritable(const Graph& graph, int value, const std::function<const Layer&(int)>& layerOf,
                         const std::function<bool(int)>& shares) {
  if (value == 0 || graph.consumers[static_cast<size_t>(value)].size() != 1) return false;
  int producer = value - 1;
  if (layerOf(producer).backwardReadsOutput()) return false;
  if (!shares(producer)) return true;
  return overwritable(graph, graph.nodes[static_cast<size_t>(producer)].inputs[0], layerOf, shares);
}

// A view always has its input's memory; a layer that runs in place has it where the input is not needed any more.
bool Program::sharesInput(size_t index) const {
  const Node& node = nodes[index];
  if (node.layer->isView()) return true;
  if (!node.layer->runsInPlace() || node.layer->backwardReadsInput()) return false;
  return overwritable(
      setup.graph, node.spec->inputs[0],
      [&](int producer) -> const Layer& { return *nodes[static_cast<size_t>(producer)].layer; },
      [&](int producer) { return sharesInput(static_cast<size_t>(producer)); });
}

void Program::planValues(MemoryPlan& plan) {
  const Graph& graph = setup.graph;
  valueBuffers.push_back(plan.addRows(capacity, graph.elements(0), 0, lastRead(0)));
  for (int i = 0; i < nodeCount(); ++i) {
    int value = i + 1;
    if (!sharesInput(static_cast<size_t>(i))) {
      valueBuffers.push_back(plan.addRows(capacity, graph.elements(value), i, lastRead(value)));
      continue;
    }
    int buffer = valueBuffers[static_cast<size_t>(nodes[static_cast<size_t>(i)].spec->inputs[0])];
    plan.keepUntil(buffer, lastRead(value));
    valueBuffers.push_back(buffer);
  }
}

// ---- Gradients

void Program::planGradients(MemoryPlan& plan, int pass) {
  const Graph& graph = setup.graph;
  gradientBuffers.emplace_back(graph.shapes.size(), -1);
  std::vector<int>& buffers = gradientBuffers.back();
  int output = graph.output();
  if (pass == 0) {
    buffers[static_cast<size_t>(output)] =
        plan.addRows(capacity, graph.elements(output), lossTime(), backwardTime(0, nodeCount() - 1));
  } else {  // the same loss gradient again, scaled in between
    buffers[static_cast<size_t>(output)] = gradientBuffers[0][static_cast<size_t>(output)];
  }
  const Node& last = nodes.back();
  int end = secondPass() ? backwardTime(1, nodeCount() - 1) : backwardTime(0, nodeCount() - 1);
  if (last.trains && last.method.sum == SumBy::keptOutputGradient) end = sumTime();
  plan.keepUntil(buffers[static_cast<size_t>(output)], end);
  for (int i = nodeCount() - 1; i >= 0; --i)
    if (nodes[static_cast<size_t>(i)].backward) planInputGradients(plan, pass, static_cast<size_t>(i));
}

void Program::planInputGradients(MemoryPlan& plan, int pass, size_t index) {
  const Graph& graph = setup.graph;
  Node& node = nodes[index];
  std::vector<int>& buffers = gradientBuffers[static_cast<size_t>(pass)];
  int now = backwardTime(pass, static_cast<int>(index));
  int own = buffers[index + 1];
  for (int value : node.spec->inputs) {
    int& buffer = buffers[static_cast<size_t>(value)];
    if (!graph.needsGradient[static_cast<size_t>(value)]) {
      node.targetBuffers[pass].push_back(-1);
      continue;
    }
    const Node& producer = nodes[static_cast<size_t>(value) - 1];
    bool kept = producer.trains && producer.method.sum == SumBy::keptOutputGradient;
    int last = kept ? sumTime() : backwardTime(pass, value - 1);
    bool first = buffer < 0;
    // In place, unless the second pass needs this very loss gradient again.
    bool spared = secondPass() && pass == 0 && own == buffers[static_cast<size_t>(graph.output())];
    bool shares = graph.consumers[static_cast<size_t>(value)].size() == 1 && node.spec->inputs.size() == 1 &&
                  (node.layer->isView() || (node.layer->runsInPlace() && !spared));
    if (!first) {
      node.targetBuffers[pass].push_back(plan.addRows(capacity, graph.elements(value), now, now));
      continue;
    }
    buffer = shares ? own : plan.addRows(capacity, graph.elements(value), now, last);
    plan.keepUntil(buffer, last);
    node.targetBuffers[pass].push_back(buffer);
  }
}

// ---- Answers

void Program::planAnswers(MemoryPlan& plan) {
  int64_t scratch = 0;
  for (int i = 0; i < nodeCount(); ++i) {
    Node& node = nodes[static_cast<size_t>(i)];
    scratch = std::max(scratch, node.layer->scratchFloats());
    bool kept = node.method.sum == SumBy::keptOutputGradient;
    int lastBackward = backwardTime(secondPass() ? 1 : 0, i);
    if (node.layer->savedFloats() > 0)
      node.saved = plan.addRows(capacity, node.layer->savedFloats(), i, kept ? sumTime() : lastBackward);
    const bool writes = node.method.norm == NormBy::writtenOut && !wholeRows();
    if (!node.trains || !(writes || node.gathers)) continue;
    for (size_t slot = 0; slot < node.spec->parameters.size(); ++slot)
      if (node.spec->parameters[slot] >= 0) node.stride += aligned(node.layer->gradientFloats(slot));
    const bool keeps = node.method.sum == SumBy::writtenOut && !node.gathers;
    const int now = backwardTime(0, i);
    node.stash = sumsAtOnce() ? plan.addBlock(node.stride, now, now)
                              : plan.addRows(capacity, node.stride, now, keeps ? sumTime() : now);
  }
  layerScratch = plan.addBlock(scratch, 0, endTime());
  lossScratch = plan.addBlock(loss->scratchFloats(capacity * setup.graph.views), lossTime(), lossTime());
  // Alone in its place, so that the padding between parameters stays zero.
  if (wholeRows()) rowBuffer = plan.addRows(capacity, gradientLayout.columns, 0, endTime());
}

// Where the gradients of shared parameters come together, from the backward pass of the last layer that has one on.
void Program::planGathered(MemoryPlan& plan) {
  int64_t room = 0;
  std::vector<int> entries(gradientLayout.parameters.size(), -1);
  for (int i = nodeCount() - 1; i >= 0; --i) {
    Node& node = nodes[static_cast<size_t>(i)];
    for (size_t slot = 0; slot < node.spec->parameters.size(); ++slot) {
      node.gathered.push_back(-1);
      node.overwrites.push_back(false);
      const int parameter = node.spec->parameters[slot];
      if (!node.gathers || parameter < 0) continue;
      const GradientLayout::Place& place = gradientLayout.parameters[static_cast<size_t>(parameter)];
      if (!place.trained) continue;
      int& entry = entries[static_cast<size_t>(parameter)];
      if (entry < 0) {
        entry = static_cast<int>(written.size());
        Written of;
        of.parameter = static_cast<size_t>(parameter);
        of.gathered = true;
        of.floats = place.floats;
        if (!wholeRows() && !sumsAtOnce())
          of.buffer = plan.addRows(capacity, aligned(place.floats), backwardTime(0, i), sumTime());
        written.push_back(of);
        node.overwrites.back() = !sumsAtOnce();
      }
      node.gathered.back() = entry;
      if (node.layer->hasOwnOrder(slot)) room = std::max(room, place.floats);
    }
  }
  if (room > 0) gatherBuffer = plan.addBlock(room, 0, endTime());
}

int64_t Program::nodeFloats(size_t index) const {
  const Node& node = nodes[index];
  int64_t floats = 0;
  bool shares = sharesInput(index);
  if (!shares) floats += memoryPlan.floats(valueBuffers[index + 1]);
  if (!shares && gradientBuffers[0][index + 1] >= 0) floats += memoryPlan.floats(gradientBuffers[0][index + 1]);
  if (node.saved >= 0) floats += memoryPlan.floats(node.saved);
  if (node.stash >= 0) floats += memoryPlan.floats(node.stash);
  for (const Written& of : written)
    if (of.gathered && gradientLayout.parameters[of.parameter].node == static_cast<int>(index) && of.gradients)
      floats += capacity * of.floats;
  if (rows && node.trains && !node.gathers)
    for (size_t slot = 0; slot < node.gradients.size(); ++slot)
      floats += node.gradients[slot] ? capacity * node.layer->gradientFloats(slot) : 0;
  return floats;
}

void Program::bind(const MemoryPlan& plan) {
  auto at = [&](int buffer) { return buffer < 0 ? nullptr : memory.get() + plan.offset(buffer); };
  for (size_t i = 0; i < nodes.size(); ++i) {
    Node& node = nodes[i];
    for (int value : node.spec->inputs) node.tape.inputs.push_back(at(valueBuffers[static_cast<size_t>(value)]));
    node.tape.output = at(valueBuffers[i + 1]);
    node.tape.inputGradients.resize(node.spec->inputs.size());
    node.tape.saved = at(node.saved);
    node.tape.scratch = at(layerScratch);
    node.tape.packed = setup.packed[i];
    if (node.method.norm != NormBy::nothing && node.method.sum != SumBy::writtenOut) {
      node.cancels.resize(static_cast<size_t>(capacity));
      node.tape.cancels = node.cancels.data();
    }
    for (int parameter : node.spec->parameters)
      node.tape.parameters.push_back(parameter < 0 ? nullptr : setup.parameters[static_cast<size_t>(parameter)]);
    for (size_t pass = 0; pass < gradientBuffers.size() && node.backward; ++pass) {
      Pass& bound = node.passes[pass];
      bound.outputGradient = at(gradientBuffers[pass][i + 1]);
      for (size_t k = 0; k < node.spec->inputs.size(); ++k) {
        int gradient = gradientBuffers[pass][static_cast<size_t>(node.spec->inputs[k])];
        int target = node.targetBuffers[pass][k];
        bound.targets.push_back(at(target));
        bound.addTo.push_back(target == gradient ? nullptr : at(gradient));
      }
    }
  }
}

void Program::bindAnswers(const MemoryPlan& plan) {
  auto at = [&](int buffer) { return buffer < 0 ? nullptr : memory.get() + plan.offset(buffer); };
  rows = at(rowBuffer);
  gatherRoom = at(gatherBuffer);
  for (Written& of : written) {
    const int64_t offset = gradientLayout.parameters[of.parameter].offset;
    of.gradients = rows ? rows + offset : at(of.buffer);
    of.stride = rows ? gradientLayout.columns : aligned(of.floats);
    const int64_t group = setup.session.clipping.groupOfParameter[of.parameter];
    of.norms = squaredNorms.data() + group * capacity;
    of.factors = factors.data() + group * capacity;
  }
  for (Node& node : nodes) {
    float* stash = at(node.stash);
    if (wholeRows() && !node.gathers) node.stride = gradientLayout.columns;
    for (size_t slot = 0; slot < node.spec->parameters.size(); ++slot) {
      bindSlot(node, slot, stash);
      if (stash && node.gradients.back()) stash += aligned(node.layer->gradientFloats(slot));
    }
  }
}

// `stash`: where the node's next gradient is written, unless whole rows are kept.
void Program::bindSlot(Node& node, size_t slot, float* stash) {
  const int parameter = node.spec->parameters[slot];
  const bool trained = parameter >= 0 && gradientLayout.parameters[static_cast<size_t>(parameter)].trained;
  const GradientLayout::Place place =
      trained ? gradientLayout.parameters[static_cast<size_t>(parameter)] : GradientLayout::Place{};
  const int64_t group = trained ? setup.session.clipping.groupOfParameter[static_cast<size_t>(parameter)] : 0;
  node.offsets.push_back(place.offset);
  node.norms.push_back(trained && !node.gathers ? squaredNorms.data() + group * capacity : nullptr);
  node.factors.push_back(trained ? factors.data() + group * capacity : nullptr);
  node.gradients.push_back(!trained ? nullptr : rows && !node.gathers ? rows + place.offset : stash);
  node.sums.push_back(node.gathers ? node.gradients.back() : nullptr);
  node.operands.push_back(nullptr);
  if (!trained || node.gathers || node.method.sum != SumBy::writtenOut) return;
  Written of;
  of.parameter = static_cast<size_t>(parameter);
  of.gradients = node.gradients.back();
  of.stride = node.stride;
  of.floats = place.floats;
  of.norms = node.norms.back();
  of.factors = node.factors.back();
  written.push_back(of);
}

}  // namespace hushgrad
