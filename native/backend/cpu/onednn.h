// oneDNN's convolution primitives and reorders behind one interface, so that the difference between its 2.x and 3.x
// programming interfaces stays in onednn.cpp.
#pragma once

#include <array>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "backend/cpu/convolution.h"

namespace hushgrad::cpu {

// The plain layout [OC, IC / groups, KH, KW] that PyTorch uses; of volumes [OC, IC / groups, KD, KH, KW].
dnnl::memory::desc plainWeights(const Window& window);

// One convolution for a fixed number of examples, channels-last activations, one thread and a scratchpad of the
// caller's. Calls must not overlap.
class OneDnnConvolution {
 public:
  // Null where oneDNN has only reference code (thousands of times slower) or its own unfolding, which is not made for
  // channels-last (1.3 to 9 times slower than ours), or none for the wanted layout of the weights. `weights` null:
  // oneDNN chooses.
  static std::unique_ptr<OneDnnConvolution> make(const Window& window, ConvolutionDirection direction, int64_t examples,
                                                 const dnnl::memory::desc* weights);

  const std::string& implementation() const { return name; }
  const dnnl::memory::desc& weights() const { return weightsLayout; }
  int64_t scratchBytes() const { return scratchpadBytes; }

  // bias is read in the forward direction only and must not be null there.
  void run(const float* x, const float* weights, const float* bias, const float* y, float* scratchpad);

 private:
  static constexpr int kOperands = 5;  // x, weights, bias, y, scratchpad

  struct Layouts {
    dnnl::memory::desc x, weights, bias, y;
  };

  template <class Description>
  OneDnnConvolution(const Description& description, const Layouts& layouts, ConvolutionDirection direction);
  template <class Description>
  static std::unique_ptr<OneDnnConvolution> wrap(const Description& description, const Layouts& layouts,
                                                 ConvolutionDirection direction);

  std::string name;
  dnnl::memory::desc weightsLayout;
  int64_t scratchpadBytes = 0;
  dnnl::primitive primitive;
  std::array<dnnl::memory, kOperands> memories;
  std::array<const void*, kOperands> handles{};
  std::array<int, kOperands> argumentIds{};
};

// From one layout to another; padding of the target becomes zero. Safe to run from several threads at once.
class Reorder {
 public:
  Reorder() = default;
  Reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to);
  void run(const float* from, float* to) const;

 private:
  dnnl::memory::desc source, target;
  dnnl::reorder primitive;
};

}  // namespace hushgrad::cpu
