// See onednn.h. Only the describe… functions differ between oneDNN 2.x and 3.x. Tested with 2.6 and 3.2 (the tests pass
// with both); 3.13 compiles.
#include "backend/cpu/onednn.h"

#include <algorithm>
#include <stdexcept>

#include "backend/cpu/one_thread.h"

namespace hushgrad::cpu {
namespace {

using dnnl::memory;

const dnnl::engine& cpuEngine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// A CPU stream holds no state; one serves every thread.
const dnnl::stream& cpuStream() {
  static const dnnl::stream stream(cpuEngine());
  return stream;
}

memory::desc plainDescription(const memory::dims& sizes, memory::format_tag tag) {
  return memory::desc(sizes, memory::data_type::f32, tag);
}

// Numbers by spatial dimension behind those in front of them; a picture has no depth.
memory::dims spatial(const Window& w, memory::dims front, int64_t depth, int64_t height, int64_t width) {
  if (!w.isPicture()) front.push_back(depth);
  front.insert(front.end(), {height, width});
  return front;
}

memory::dims weightSizes(const Window& w) {
  memory::dims channels = w.groups == 1 ? memory::dims{w.outChannels, w.inChannels}
                                        : memory::dims{w.groups, w.outChannels / w.groups, w.inChannels / w.groups};
  return spatial(w, channels, w.kernelDepth, w.kernelHeight, w.kernelWidth);
}

memory::format_tag channelsLast(const Window& w) {
  return w.isPicture() ? memory::format_tag::nhwc : memory::format_tag::ndhwc;
}

// Padding behind the last row or column that the last window reaches; none where the windows end before the edge.
int64_t paddingBehind(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padBefore, int64_t dilation) {
  return std::max<int64_t>((out - 1) * stride + (kernel - 1) * dilation + 1 - in - padBefore, 0);
}

struct Description {
  memory::desc x, weights, bias, y;
  memory::dims strides, dilations, padBefore, padBehind;

  Description(const Window& w, int64_t examples, const memory::desc* fixedWeights)
      : x(plainDescription(spatial(w, {examples, w.inChannels}, w.inDepth, w.inHeight, w.inWidth), channelsLast(w))),
        weights(fixedWeights ? *fixedWeights : plainDescription(weightSizes(w), memory::format_tag::any)),
        bias(plainDescription({w.outChannels}, memory::format_tag::x)),
        y(plainDescription(spatial(w, {examples, w.outChannels}, w.outDepth, w.outHeight, w.outWidth),
                           channelsLast(w))),
        strides(spatial(w, {}, w.strideDepth, w.strideHeight, w.strideWidth)),
        dilations(spatial(w, {}, w.dilationDepth - 1, w.dilationHeight - 1, w.dilationWidth - 1)),
        padBefore(spatial(w, {}, w.padDepth, w.padHeight, w.padWidth)),
        padBehind(spatial(
            w, {}, paddingBehind(w.inDepth, w.outDepth, w.kernelDepth, w.strideDepth, w.padDepth, w.dilationDepth),
            paddingBehind(w.inHeight, w.outHeight, w.kernelHeight, w.strideHeight, w.padHeight, w.dilationHeight),
            paddingBehind(w.inWidth, w.outWidth, w.kernelWidth, w.strideWidth, w.padWidth, w.dilationWidth))) {}
};

dnnl::primitive_attr userScratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

using ForwardDescription = dnnl::convolution_forward::primitive_desc;
using InputDescription = dnnl::convolution_backward_data::primitive_desc;
using WeightsDescription = dnnl::convolution_backward_weights::primitive_desc;

constexpr auto kDirect = dnnl::algorithm::convolution_direct;
constexpr auto kTraining = dnnl::prop_kind::forward_training;

template <class PrimitiveDescription>
bool contains(const PrimitiveDescription& description, const char* word) {
  return std::string(description.impl_info_str()).find(word) != std::string::npos;
}

// oneDNN offers its batch-reduced kernels first, but its older ones are faster where a pixel holds few channels: with 1
// to 16 of them by 1.05 to 2 times (measured with 2.6 on AVX-512, 3×3 to 8×8 kernels).
bool wantsOlderKernel(const Window& window, const ForwardDescription& first) {
  constexpr int64_t kFewChannels = 16;
  return first && window.inChannels / window.groups <= kFewChannels && contains(first, "brg");
}

// Advances to the next of oneDNN's older kernels; false where there is none.
bool advanceToOlderKernel(ForwardDescription& description) {
  while (description.next_impl())
    if (std::string(description.impl_info_str()).rfind("jit:", 0) == 0) return true;
  return false;
}

#if DNNL_VERSION_MAJOR >= 3

ForwardDescription describeForward(const Description& d) {
  return ForwardDescription(cpuEngine(), kTraining, kDirect, d.x, d.weights, d.bias, d.y, d.strides, d.dilations,
                            d.padBefore, d.padBehind, userScratchpad(), true);
}
ForwardDescription describeFastestForward(const Window& window, const Description& d) {
  ForwardDescription first = describeForward(d);
  if (!wantsOlderKernel(window, first)) return first;
  ForwardDescription older = describeForward(d);
  return advanceToOlderKernel(older) ? older : first;
}
InputDescription describeInputGradient(const Description& d, const ForwardDescription& hint) {
  return InputDescription(cpuEngine(), kDirect, d.x, d.weights, d.y, d.strides, d.dilations, d.padBefore, d.padBehind,
                          hint, userScratchpad(), true);
}
WeightsDescription describeWeightGradient(const Description& d, const ForwardDescription& hint) {
  return WeightsDescription(cpuEngine(), kDirect, d.x, d.weights, d.y, d.strides, d.dilations, d.padBefore, d.padBehind,
                            hint, userScratchpad(), true);
}

#else

dnnl::convolution_forward::desc forwardOperation(const Description& d) {
  return dnnl::convolution_forward::desc(kTraining, kDirect, d.x, d.weights, d.bias, d.y, d.strides, d.dilations,
                                         d.padBefore, d.padBehind);
}
ForwardDescription describeForward(const Description& d) {
  return ForwardDescription(forwardOperation(d), userScratchpad(), cpuEngine(), true);
}
// next_impl() reads the operation that the description was made from, which must still be there.
ForwardDescription describeFastestForward(const Window& window, const Description& d) {
  const dnnl::convolution_forward::desc operation = forwardOperation(d);
  const dnnl::primitive_attr attributes = userScratchpad();
  ForwardDescription first(operation, attributes, cpuEngine(), true);
  if (!wantsOlderKernel(window, first)) return first;
  ForwardDescription older(operation, attributes, cpuEngine(), true);
  return advanceToOlderKernel(older) ? older : first;
}
InputDescription describeInputGradient(const Description& d, const ForwardDescription& hint) {
  const dnnl::convolution_backward_data::desc operation(kDirect, d.x, d.weights, d.y, d.strides, d.dilations,
                                                        d.padBefore, d.padBehind);
  return InputDescription(operation, userScratchpad(), cpuEngine(), hint, true);
}
WeightsDescription describeWeightGradient(const Description& d, const ForwardDescription& hint) {
  const dnnl::convolution_backward_weights::desc operation(kDirect, d.x, d.weights, d.y, d.strides, d.dilations,
                                                           d.padBefore, d.padBehind);
  return WeightsDescription(operation, userScratchpad(), cpuEngine(), hint, true);
}

#endif

}  // namespace

memory::desc plainWeights(const Window& window) {
  using tag = memory::format_tag;
  if (window.isPicture()) return plainDescription(weightSizes(window), window.groups == 1 ? tag::oihw : tag::goihw);
  return plainDescription(weightSizes(window), window.groups == 1 ? tag::oidhw : tag::goidhw);
}

template <class PrimitiveDescription>
OneDnnConvolution::OneDnnConvolution(const PrimitiveDescription& description, const Layouts& layouts,
                                     ConvolutionDirection direction)
    : name(description.impl_info_str()),
      weightsLayout(layouts.weights),
      scratchpadBytes(static_cast<int64_t>(description.scratchpad_desc().get_size())),
      primitive(description.get()) {
  const std::array<memory::desc, kOperands> all{layouts.x, layouts.weights, layouts.bias, layouts.y,
                                                description.scratchpad_desc()};
  for (int i = 0; i < kOperands; ++i) memories[i] = memory(all[i], cpuEngine(), DNNL_MEMORY_NONE);
  switch (direction) {
    case ConvolutionDirection::forward:
      argumentIds = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
      return;
    case ConvolutionDirection::inputGradient:
      argumentIds = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, 0, DNNL_ARG_DIFF_DST, DNNL_ARG_SCRATCHPAD};
      return;
    case ConvolutionDirection::weightGradient:
      argumentIds = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, 0, DNNL_ARG_DIFF_DST, DNNL_ARG_SCRATCHPAD};
  }
}

template <class PrimitiveDescription>
std::unique_ptr<OneDnnConvolution> OneDnnConvolution::wrap(const PrimitiveDescription& description,
                                                           const Layouts& layouts, ConvolutionDirection direction) {
  if (contains(description, "ref") || contains(description, "gemm")) return nullptr;
  return std::unique_ptr<OneDnnConvolution>(new OneDnnConvolution(description, layouts, direction));
}

std::unique_ptr<OneDnnConvolution> OneDnnConvolution::make(const Window& window, ConvolutionDirection direction,
                                                           int64_t examples, const memory::desc* weights) {
  const OneThread oneThread;  // a primitive keeps the thread count that it was made under
  const Description wanted(window, examples, weights);
  const auto wrapWith = [&](const auto& description, const memory::desc& chosenWeights) {
    return wrap(description, Layouts{wanted.x, chosenWeights, wanted.bias, wanted.y}, direction);
  };
  if (direction == ConvolutionDirection::forward) {
    const ForwardDescription forward = describeFastestForward(window, wanted);
    return forward ? wrapWith(forward, forward.weights_desc()) : nullptr;
  }
  const ForwardDescription hint = describeForward(Description(window, examples, nullptr));
  if (!hint) return nullptr;
  if (direction == ConvolutionDirection::inputGradient) {
    const InputDescription input = describeInputGradient(wanted, hint);
    return input ? wrapWith(input, input.weights_desc()) : nullptr;
  }
  const WeightsDescription gradient = describeWeightGradient(wanted, hint);
  return gradient ? wrapWith(gradient, gradient.diff_weights_desc()) : nullptr;
}

void OneDnnConvolution::run(const float* x, const float* weights, const float* bias, const float* y,
                            float* scratchpad) {
  const OneThread oneThread;
  const std::array<const void*, kOperands> wanted{x, weights, bias, y, scratchpad};
  std::array<dnnl_exec_arg_t, kOperands> arguments;
  int count = 0;
  for (int i = 0; i < kOperands; ++i) {
    if (argumentIds[i] == 0) continue;
    // oneDNN 2.x clears a blocked layout's padding on every new handle; so only on new ones.
    if (handles[i] != wanted[i]) {
      dnnl::error::wrap_c_api(dnnl_memory_set_data_handle(memories[i].get(), const_cast<void*>(wanted[i])),
                              "oneDNN did not take an operand of a convolution");
      handles[i] = wanted[i];
    }
    arguments[count++] = {argumentIds[i], memories[i].get()};
  }
  dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), cpuStream().get(), count, arguments.data()),
                          "oneDNN did not execute a convolution");
}

Reorder::Reorder(const memory::desc& from, const memory::desc& to) : source(from), target(to) {
  const OneThread oneThread;
  primitive = dnnl::reorder(dnnl::reorder::primitive_desc(cpuEngine(), from, cpuEngine(), to));
}

void Reorder::run(const float* from, float* to) const {
  const OneThread oneThread;
  memory input(source, cpuEngine(), const_cast<float*>(from)), output(target, cpuEngine(), to);
  dnnl::stream stream = cpuStream();
  primitive.execute(stream, input, output);
}

}  // namespace hushgrad::cpu
