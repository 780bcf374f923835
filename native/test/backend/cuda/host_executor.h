// Runs the bodies of CUDA kernels on the CPU: blocks and threads are loops, in either order, for neither may matter. A
// body that reads in one phase what another thread writes in the same phase differs between the two.
#pragma once

#include <cstring>
#include <memory>

#include "backend/cuda/bodies/block.h"

namespace hushgrad::cuda {

enum class Order { ascending, descending };

struct HostBlock {
  int64_t number;
  Order order;

  int64_t index() const { return number; }
  template <class Function>
  void threads(Function function) const {
    for (int t = 0; t < kThreads; ++t) function(order == Order::ascending ? t : kThreads - 1 - t);
  }
};

struct HostExecutor {
  Order order = Order::ascending;

  template <class Body>
  void run(const Body& body) const {
    using Shared = typename Body::Shared;
    alignas(64) unsigned char memory[sizeof(Shared)];
    for (int64_t i = 0, blocks = body.blocks(); i < blocks; ++i) {
      std::memset(memory, 0xff, sizeof memory);  // NaNs: shared memory holds what the last block left
      const HostBlock block{order == Order::ascending ? i : blocks - 1 - i, order};
      body.run(block, *reinterpret_cast<Shared*>(memory));
    }
  }

  void zero(void* data, int64_t bytes) const { std::memset(data, 0, static_cast<size_t>(bytes)); }
};

}  // namespace hushgrad::cuda
