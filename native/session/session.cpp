#include "session/session.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/machine.h"
#include "session/session_impl.h"

namespace hushgrad {

// With `deterministic`, chunks go to this many accumulators whatever the thread count.
static constexpr int kDeterministicLanes = 8;
// Examples that are worked on before sums are carried over: enough to keep every lane busy, few enough to bound memory.
static constexpr int64_t kLeastSlice = 256;

// Cores read whole cache lines; parameters that share none are updated side by side without stealing lines.
static int64_t aligned(int64_t floats) {
  return (floats + 15) / 16 * 16;
}

static std::vector<std::unique_ptr<Layer>> makeLayers(const Graph& graph, int64_t capacity, Backend& backend,
                                                      bool masked) {
  std::vector<std::unique_ptr<Layer>> layers;
  for (size_t i = 0; i < graph.nodes.size(); ++i) layers.push_back(makeNodeLayer(graph, i, capacity, backend, masked));
  return layers;
}

Session::Impl::Impl(SessionSpec given)
    : spec(std::move(given)),
      backend(cpuBackend()),
      strategy(strategyRow(spec.strategy)),
      graph(lower(spec.model, backend)),
      optimizer(makeOptimizer({spec.optimizer.kind, spec.optimizer.attributes, masked()})),
      optimizerShared(static_cast<size_t>(optimizer->sharedNumbers())) {
  if (!graph.needsGradient[static_cast<size_t>(graph.output())])
    throw std::invalid_argument("model: no parameter is trainable");
  choose();
  allocate();
  for (int worker = 0; worker < threads; ++worker)
    programs.push_back(std::make_unique<Program>(programSetup(strategy, methods, chunkSize)));
  noise.reserveWorkers(threads);
  planUpdate();
  describe();
}

// ---- Choices: methods, chunk size, threads, lanes

static ChunkTraffic trafficOf(const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
                              const std::vector<Method>& methods) {
  ChunkTraffic traffic;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    double outputs = static_cast<double>(graph.elements(static_cast<int>(i) + 1));
    double weights = 0;
    for (size_t slot = 0; slot < graph.nodes[i].parameters.size(); ++slot)
      weights += static_cast<double>(layers[i]->gradientFloats(slot));
    bool shared = layers[i]->isView() || layers[i]->runsInPlace();
    traffic.perExample += 4 * (shared ? 0 : 2 * outputs) + 4 * static_cast<double>(layers[i]->savedFloats());
    if (methods[i].norm == NormBy::writtenOut) traffic.perExample += 4 * weights;
    traffic.perChunk += 4 * 4 * weights;  // read forward and backward; the accumulator read and written
  }
  return traffic;
}

// What whole numbers cannot do; TypeScript says it earlier, in the words of its options.
static void checkIntegers(const SessionSpec& spec, const StrategyRow& strategy) {
  if (!spec.clipping.integers) return;
  if (strategy.sum != SumBy::writtenOut)
    throw std::invalid_argument(std::string("strategy: '") + strategy.name +
                                "' writes no gradients out to be rounded; expected naive, materialize or fused");
  if (spec.correlation)
    throw std::invalid_argument("correlation: not of discrete noise, which would not stay in whole numbers");
}

static void checkInnerThresholds(const ClippingSpec& clipping, const GradientLayout& layout) {
  for (int group = 0; group < clipping.groups(); ++group) {
    if (clipping.innerThreshold(group, layout.groupColumns(static_cast<size_t>(group))) > 0) continue;
    throw std::invalid_argument("clipping: the threshold of group " + std::to_string(group) +
                                " is too small beside the others for its coordinates to be rounded");
  }
}

void Session::Impl::choose() {
  threads = spec.threads > 0 ? spec.threads : machine().cores;
  if (spec.deterministic) threads = std::min(threads, kDeterministicLanes);
  lanes = spec.deterministic ? kDeterministicLanes : threads;

  checkIntegers(spec, strategy);
  chunkSize = spec.chunkSize > 0 ? spec.chunkSize : ownChunkSize();
  // How a gradient's last bits round may depend on the examples beside it, and on their number. Integers would show it.
  if (strategy.oneExample || spec.clipping.integers) chunkSize = 1;
  const int64_t round = chunkSize * lanes;
  sliceSize = (kLeastSlice + round - 1) / round * round;
  prepareFor(chunkSize);
}

void Session::Impl::prepareFor(int64_t examples) {
  layers = makeLayers(graph, examples, backend, masked());
  methods = chooseMethods(graph, layers, strategy, masked());
}

// Which method is the cheaper one depends on the chunk, and the traffic on the methods: the second choice knows those
// of the first. Chosen for single examples alone, resnet18 would keep all gradients written out in mind, and take
// chunks of 4, which cost 1.2 times as much as those of 8.
int64_t Session::Impl::ownChunkSize() {
  int64_t size = 1;
  for (int choice = 0; choice < 2; ++choice) {
    prepareFor(size);
    size = chooseChunkSize(trafficOf(graph, layers, methods), machine().l2Bytes);
  }
  return size;
}

// ---- Memory that all workers share

void Session::Impl::allocate() {
  layout = layOutGradient(graph, layers, methods, spec.clipping);
  checkInnerThresholds(spec.clipping, layout);

  std::vector<int64_t> offsets;
  for (const ParameterSpec& parameter : graph.parameters) {
    offsets.push_back(parameterFloats);
    parameterFloats += aligned(elementCount(parameter.shape));
  }
  parameterMemory = allocateFloats(parameterFloats);
  stateMemory = allocateFloats(parameterFloats * stateSlots());
  for (int slot = 0; slot < optimizer->slots(); ++slot)
    std::fill_n(stateMemory.get() + slot * parameterFloats, parameterFloats, optimizer->initialState(slot));
  for (size_t p = 0; p < offsets.size(); ++p) {
    parameters.push_back(parameterMemory.get() + offsets[p]);
    states.emplace_back();
    for (int slot = 0; slot < stateSlots(); ++slot)
      states[p].push_back(stateMemory.get() + slot * parameterFloats + offsets[p]);
    const GradientLayout::Place& place = layout.parameters[p];
    if (place.trained && place.ownOrder)
      unpackedFloats = std::max(unpackedFloats, aligned(elementCount(graph.parameters[p].shape)));
  }

  for (const auto& layer : layers) packedFloats += aligned(layer->packedFloats());
  packedMemory = allocateFloats(packedFloats);
  float* next = packedMemory.get();
  for (const auto& layer : layers) {
    packed.push_back(layer->packedFloats() > 0 ? next : nullptr);
    next += aligned(layer->packedFloats());
  }
  if (spec.clipping.integers) {
    integers = std::make_unique<IntegerSums>(graph, layers, layout, lanes, threads);
  } else {
    laneMemory = allocateFloats(lanes * layout.laneColumns);
  }
  deferred = std::make_unique<DeferredSums>(layers, layout, sliceSize, threads);
  freshLanes.assign(static_cast<size_t>(lanes), true);
  unpackedMemory = allocateFloats(threads * unpackedFloats);
  if (masked()) mask = std::make_unique<SessionMask>(spec.sparsification, graph, layers, layout);
}

ProgramSetup Session::Impl::programSetup(const StrategyRow& row, std::vector<Method> chosen, int64_t capacity) const {
  std::vector<float*> operands;
  for (size_t p = 0; p < parameters.size(); ++p) operands.push_back(deferred->operands(p));
  return {graph,
          spec,
          row,
          std::move(chosen),
          capacity,
          chunkSize,
          std::vector<const float*>(parameters.begin(), parameters.end()),
          std::vector<const float*>(packed.begin(), packed.end()),
          operands,
          backend};
}

// ---- Plan

static double flopsOf(const Layer& layer, const Method& method, bool trains, bool propagates) {
  double flops = layer.forwardCost().flops * (propagates ? 2 : 1);
  if (!trains) return flops;
  if (method.norm == NormBy::ghost) flops += layer.ghostNormCost().flops;
  if (method.norm == NormBy::writtenOut) flops += layer.writeCost().flops;
  if (method.sum != SumBy::writtenOut) flops += layer.weightedSumCost().flops;
  if (method.sum == SumBy::secondBackward && propagates) flops += layer.forwardCost().flops;
  return flops;
}

void Session::Impl::describe() {
  plan.chunkSize = chunkSize;
  plan.lanes = lanes;
  plan.threads = threads;
  plan.sliceSize = sliceSize;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const NodeSpec& node = graph.nodes[i];
    LayerPlan row;
    row.path = node.path;
    row.kind = node.kind;
    row.implementation = layers[i]->implementation();
    row.method = graph.trains(i) ? methods[i].name() : "";
    bool propagates = false;
    for (int value : node.inputs) propagates = propagates || graph.needsGradient[static_cast<size_t>(value)];
    row.flops = flopsOf(*layers[i], methods[i], graph.trains(i), propagates);
    for (int parameter : node.parameters)
      if (parameter >= 0 && layout.parameters[static_cast<size_t>(parameter)].node == static_cast<int>(i))
        row.parameters += elementCount(graph.parameters[static_cast<size_t>(parameter)].shape);
    row.bytes = 4 * threads * programs[0]->nodeFloats(i);
    plan.layers.push_back(row);
  }
  int64_t shared = parameterFloats * (1 + stateSlots()) + packedFloats + deferred->floats() + threads * unpackedFloats;
  const int64_t laneBytes = integers ? integers->bytes() : 4 * lanes * layout.laneColumns;
  plan.parameterBytes = 4 * shared + laneBytes + (mask ? mask->bytes() : 0) + (topK ? topK->bytes() : 0) +
                        (correlation ? correlation->bytes() : 0);
  plan.workerBytes = 4 * threads * programs[0]->floats();
  plan.totalBytes = plan.parameterBytes + plan.workerBytes;
}

// ---- The public face

Session::Session(SessionSpec spec) : impl(std::make_unique<Impl>(std::move(spec))) {}
Session::~Session() = default;

const SessionSpec& Session::spec() const {
  return impl->spec;
}
const SessionPlan& Session::plan() const {
  return impl->plan;
}

static size_t parameterBytes(const Graph& graph, size_t index) {
  return sizeof(float) * static_cast<size_t>(elementCount(graph.parameters.at(index).shape));
}

void Session::setParameter(size_t index, const float* values) {
  std::memcpy(impl->parameters.at(index), values, parameterBytes(impl->graph, index));
  impl->packedIsStale = true;
}
void Session::setParameterPart(size_t index, int64_t first, int64_t count, const float* values) {
  int64_t elements = elementCount(impl->graph.parameters.at(index).shape);
  if (first < 0 || count < 0 || first > elements - count) throw std::out_of_range("a part beyond its parameter");
  std::copy_n(values, count, impl->parameters[index] + first);
  impl->packedIsStale = true;
}
void Session::getParameter(size_t index, float* values) const {
  std::memcpy(values, impl->parameters.at(index), parameterBytes(impl->graph, index));
}
int Session::optimizerSlots() const {
  const bool residual = impl->spec.topK && impl->spec.topK->errorFeedback;
  return impl->optimizer->slots() + (residual ? 1 : 0);
}
void Session::setOptimizerState(size_t parameter, int slot, const float* values) {
  std::memcpy(impl->states.at(parameter).at(static_cast<size_t>(slot)), values, parameterBytes(impl->graph, parameter));
}
void Session::getOptimizerState(size_t parameter, int slot, float* values) const {
  std::memcpy(values, impl->states.at(parameter).at(static_cast<size_t>(slot)), parameterBytes(impl->graph, parameter));
}
const std::vector<double>& Session::optimizerShared() const {
  return impl->optimizerShared;
}
void Session::setOptimizerShared(const std::vector<double>& numbers) {
  if (numbers.size() != impl->optimizerShared.size()) throw std::invalid_argument("optimizer: wrong shared numbers");
  impl->optimizerShared = numbers;
}
void Session::setNoiseKey(const NoiseKey& key) {
  impl->integers ? impl->integers->noise().setKey(key) : impl->noise.setKey(key);
}
int Session::noiseBuffers() const {
  return impl->correlation ? impl->correlation->buffers() : 0;
}
int64_t Session::noiseMemoryFloats() const {
  return impl->correlation ? impl->correlation->samples() : 0;
}
void Session::getNoiseMemory(int buffer, float* values) const {
  std::copy_n(impl->noiseMemory(buffer), noiseMemoryFloats(), values);
}
void Session::setNoiseMemory(int buffer, const float* values) {
  std::copy_n(values, noiseMemoryFloats(), impl->noiseMemory(buffer));
}
void Session::replayNoise(int64_t steps) {
  impl->replayNoise(steps);
}
void Session::setDropoutKey(uint64_t key) {
  impl->dropoutKey = key;
  impl->stepsTaken = 0;
}

void Session::setThresholds(const double* thresholds) {
  std::copy_n(thresholds, impl->spec.clipping.thresholds.size(), impl->spec.clipping.thresholds.begin());
}
void Session::setMask(const MaskDraw& draw) {
  impl->changeMask([&](SessionMask& mask) { mask.draw(draw); });
}
void Session::keepOnly(const uint8_t* kept) {
  impl->changeMask([&](SessionMask& mask) { mask.keepOnly(kept); });
}

bool Session::accumulate(const BatchView& batch, const std::atomic<bool>* cancelled) {
  return impl->accumulate(batch, cancelled);
}
BatchStatistics Session::takeStatistics() {
  BatchStatistics taken = impl->statistics;
  impl->statistics = {};
  return taken;
}
void Session::clear() {
  impl->clear();
}
UpdateResult Session::update(const UpdateSpec& spec) {
  return impl->update(spec);
}
void Session::takeClippedSums(float* const* values) {
  impl->takeClippedSums(values);
}
void Session::perExampleGradients(const BatchView& batch, float* const* gradients, double* squaredNorms,
                                  double* losses) {
  impl->perExampleGradients(batch, gradients, squaredNorms, losses);
}
void Session::evaluate(const BatchView& batch, float* outputs, double* losses) {
  impl->evaluate(batch, outputs, losses);
}

int64_t Session::inputElements() const {
  return impl->graph.viewElements(0);
}
int64_t Session::outputElements() const {
  return impl->graph.viewElements(impl->graph.output());
}
int64_t Session::targetElements() const {
  return impl->programs[0]->lossFunction().targetElements();
}
TargetKind Session::targetKind() const {
  return impl->programs[0]->lossFunction().targetKind();
}

}  // namespace hushgrad
