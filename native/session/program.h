// One worker's copy of the model: layers bound to their places in one planned block of memory, and the execution of
// a chunk under a strategy. Works on its own memory and one lane's accumulator, so programs run side by side.
#pragma once

#include <memory>
#include <vector>

#include "clipping/clipping.h"
#include "graph/graph.h"
#include "graph/memory_plan.h"
#include "losses/loss.h"
#include "session/float_memory.h"
#include "session/gradient_layout.h"
#include "session/methods.h"
#include "session/session.h"
#include "session/session_mask.h"

namespace hushgrad {

// What all programs of a session share; read-only while they run.
struct ProgramSetup {
  const Graph& graph;
  const SessionSpec& session;
  const StrategyRow& strategy;
  std::vector<Method> methods;           // by node
  int64_t capacity;                      // most examples in a chunk
  int64_t layerCapacity;                 // of its layers: one for a session, for how weights and gradients lie may
                                         // depend on it, and all its programs share the packed weights and the masks
  std::vector<const float*> parameters;  // by parameter, PyTorch's layout
  std::vector<const float*> packed;      // by node
  std::vector<float*> operands;          // by parameter; null where the sum is not deferred
  Backend& backend;
};

struct Chunk {
  int64_t examples = 0;
  int64_t rows = 0;  // views of them all; in evaluation each is an example of its own, and the last may lack some
  const float* inputs = nullptr;
  const void* targets = nullptr;   // null: no loss (evaluation)
  const float* weights = nullptr;  // null: ones
  uint64_t firstExample = 0;       // in the logical batch
  int64_t firstRow = 0;            // in the call, and so in the operands of deferred sums
  uint64_t dropoutKey = 0;
};

class Program {
 public:
  explicit Program(const ProgramSetup& setup);
  ~Program();

  const GradientLayout& layout() const { return gradientLayout; }
  const Loss& lossFunction() const { return *loss; }
  int64_t floats() const { return totalFloats; }
  // Floats of the buffers that belong to a node: its output, its gradient, what it saves or writes out. Buffers that
  // are not alive together share memory, so these add up to more than floats().
  int64_t nodeFloats(size_t node) const;

  // What drops out of norms from here on; the mask's memory is read until the next call.
  void setMasks(const SessionMask& mask);

  // Forward, losses, backward; adds the chunk's clipped sum to `sums` (layout().laneColumns floats), or keeps its
  // operands, and its diagnostics to `statistics`.
  // With `fresh` the sums hold nothing yet, whatever is in memory.
  void accumulate(const Chunk& chunk, float* sums, bool fresh, BatchStatistics& statistics);
  // The same in whole numbers (clipping.integers): exact sums [layout().laneColumns], in any order.
  void accumulateIntegers(const Chunk& chunk, int64_t* sums, bool fresh, BatchStatistics& statistics);
  // The first half of it: losses, squared norms and, where the strategy keeps them, written-out gradients.
  void computeNorms(const Chunk& chunk);
  // Forward in evaluation mode; losses where there are targets. By row: outputs and losses of each view.
  void evaluate(const Chunk& chunk, float* outputs, double* losses);

  // After computeNorms():
  const std::vector<double>& losses() const { return lossValues; }
  double squaredNorm(int group, int64_t example) const {
    return squaredNorms[static_cast<size_t>(group * capacity + example)];
  }
  // Written-out gradient of one parameter and example, in its layer's element order (naive, materialize, fused).
  const float* writtenGradient(size_t parameter, int64_t example) const;

 private:
  struct Node;     // a bound layer
  struct Pass;     // where gradients lie during one backward pass
  struct Written;  // written-out gradients of one parameter

  // program_plan.cpp: memory, once
  void planValues(MemoryPlan& plan);
  void planGradients(MemoryPlan& plan, int pass);
  void planInputGradients(MemoryPlan& plan, int pass, size_t node);
  void planAnswers(MemoryPlan& plan);
  void planGathered(MemoryPlan& plan);
  void bind(const MemoryPlan& plan);
  void bindAnswers(const MemoryPlan& plan);
  void bindSlot(Node& node, size_t slot, float* stash);
  bool sharesInput(size_t node) const;
  int lastRead(int value) const;

  // program.cpp: execution
  void pointAt(float* sums, bool fresh, int64_t row);
  void forwardAndBackward(const Chunk& chunk);
  void forward(const Chunk& chunk, bool training);
  void computeLosses(const Chunk& chunk);
  void averageViews(int64_t examples, float* outputGradients);
  void backward(int pass);
  void answer(Node& node, int pass);
  void gather(Node& node);
  void gatherSlot(Node& node, size_t slot, int64_t examples);
  void addSum(Node& node, const float* const* factors);
  void propagate(Node& node, int pass);
  void leaveOutBadExamples(int64_t first, int64_t examples, int time);
  void zeroRow(int64_t example, int time);
  void computeFactors(int64_t first, int64_t examples);
  void useWeightsAsFactors(int64_t examples);
  void addKept(int64_t examples);
  void addWrittenNorms(int64_t first, int64_t examples);
  void addWrittenRows(int64_t first, int64_t examples, bool weighted);
  void scaleWrittenRows(int64_t examples);
  void addRoundedRow(int64_t example, int64_t* sums);
  void zeroDropped(int64_t example);
  void clipWholeRows(int64_t examples, float* sums);
  void clipWholeRowsFused(int64_t examples, float* sums);
  void count(int64_t examples, BatchStatistics& statistics) const;

  bool wholeRows() const { return setup.strategy.sum == SumBy::writtenOut; }
  bool sumsAtOnce() const { return setup.strategy.sum == SumBy::immediately; }
  bool secondPass() const { return setup.strategy.sum == SumBy::secondBackward; }
  bool flat() const { return setup.session.clipping.groups() == 1; }
  bool masked() const { return setup.session.sparsification != Sparsification::none; }

  // Times of the memory plan: forward of node i at i, and so on.
  int nodeCount() const { return static_cast<int>(setup.graph.nodes.size()); }
  int lossTime() const { return nodeCount(); }
  int backwardTime(int pass, int node) const { return (pass == 0 ? 2 * nodeCount() : 3 * nodeCount() + 2) - node; }
  int factorTime() const { return 2 * nodeCount() + 1; }
  int sumTime() const { return 2 * nodeCount() + 2; }
  int endTime() const { return 3 * nodeCount() + 2; }

  ProgramSetup setup;
  const int64_t capacity;
  std::unique_ptr<Loss> loss;
  std::unique_ptr<ClipFunction> clipFunction;
  std::vector<Node> nodes;
  GradientLayout gradientLayout;

  MemoryPlan memoryPlan;
  int64_t totalFloats = 0;
  FloatMemory memory;
  std::vector<int> valueBuffers;                  // by value; values that share a place share the number
  std::vector<std::vector<int>> gradientBuffers;  // by pass and value; −1: none
  int lossScratch = -1, layerScratch = -1, rowBuffer = -1, gatherBuffer = -1;
  float* rows = nullptr;         // written-out gradients [capacity, columns] of strategies that keep whole rows
  float* gatherRoom = nullptr;   // for one gradient on its way into PyTorch's order
  float* laneSums = nullptr;     // that the chunk under way is added to
  std::vector<Written> written;  // those that sums are made of, gathered ones first

  std::vector<double> lossValues;    // [capacity]
  std::vector<double> viewLosses;    // [capacity, views]
  std::vector<double> squaredNorms;  // [groups, capacity]
  std::vector<float> factors;        // [groups, capacity]
  std::vector<char> leftOut;         // [capacity]
  std::vector<double> rowScales;     // [groups]; of the row that is being rounded, as what follows
  std::vector<int32_t> rowIntegers;  // [columns]; empty where sums are floats
  const float* weights = nullptr;    // of the chunk under way; null: ones
};

}  // namespace hushgrad
