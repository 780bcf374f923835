// A layer bound to its places in a program's memory. Private to program*.cpp.
#pragma once

#include "session/program.h"

namespace hushgrad {

struct Program::Pass {
  const float* outputGradient = nullptr;
  std::vector<float*> targets;  // by input: where the layer writes its gradient; null: not wanted
  std::vector<float*> addTo;    // by input: the gradient that the target is added to; null: the target is it
};

struct Program::Node {
  std::unique_ptr<Layer> layer;
  const NodeSpec* spec = nullptr;
  Method method;
  bool trains = false;      // has trainable parameters
  bool backward = false;    // a gradient reaches it
  bool propagates = false;  // and is passed on to some input
  Tape tape;
  Pass passes[2];

  // By slot; null where the layer goes without or the parameter is frozen.
  std::vector<int64_t> offsets;       // in the gradient's row
  std::vector<double*> norms;         // [capacity]
  std::vector<const float*> factors;  // [capacity]
  std::vector<float*> gradients;      // written out, b-th at + b·stride
  std::vector<float*> sums;           // in the lane that is being added to; null where deferred
  std::vector<float*> operands;       // of the chunk's examples; null where not deferred
  int64_t stride = 0;
  std::vector<char> cancels;  // [capacity] where gradients are added in one product, else empty

  // Buffers of the plan; −1: none.
  int saved = -1, stash = -1;
  std::vector<int> targetBuffers[2];  // by pass and input
};

}  // namespace hushgrad
