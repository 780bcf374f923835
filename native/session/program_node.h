// A layer bound to its places in a program's memory. Private to program*.cpp.
#pragma once

#include "session/program.h"

namespace hushgrad {

struct Program::Pass {
  const float* outputGradient = nullptr;
  std::vector<float*> targets;  // by input: where the layer writes its gradient; null: not wanted
  std::vector<float*> addTo;    // by input: the gradient that the target is added to; null: the target is it
};

// Of a chunk's examples, b-th at gradients + b·stride.
struct Program::Written {
  size_t parameter = 0;
  bool gathered = false;  // a shared parameter's: from several layers, so that its norm is taken when all have added
  int buffer = -1;        // of the plan; −1: part of whole rows, or of what its layer writes
  float* gradients = nullptr;
  int64_t stride = 0, floats = 0;
  double* norms = nullptr;
  const float* factors = nullptr;
  const uint8_t* mask = nullptr;
};

struct Program::Node {
  std::unique_ptr<Layer> layer;
  const NodeSpec* spec = nullptr;
  Method method;
  bool trains = false;      // has trainable parameters
  bool backward = false;    // a gradient reaches it
  bool propagates = false;  // and is passed on to some input
  bool gathers = false;     // shares parameters: what it writes out is added to what other layers do
  Tape tape;
  Pass passes[2];

  // By slot; null where the layer goes without or the parameter is frozen, and, of a layer that gathers, for norms,
  // which are not its own. Its sums are where it writes to.
  std::vector<int64_t> offsets;       // in the gradient's row
  std::vector<double*> norms;         // [capacity]
  std::vector<const float*> factors;  // [capacity]
  std::vector<float*> gradients;      // written out, b-th at + b·stride
  std::vector<float*> sums;           // in the lane that is being added to; null where deferred
  std::vector<float*> operands;       // of the chunk's examples; null where not deferred
  std::vector<int> gathered;          // which of `written` they are added to; −1: none
  std::vector<char> overwrites;       // it is the first to write there
  int64_t stride = 0;
  std::vector<char> cancels;  // [capacity] where gradients are added in one product, else empty

  // Buffers of the plan; −1: none.
  int saved = -1, stash = -1;
  std::vector<int> targetBuffers[2];  // by pass and input
};

}  // namespace hushgrad
