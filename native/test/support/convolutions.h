// Convolutions under test: shapes, and one convolution of a backend with its operands at hand.
#pragma once

#include <cmath>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "test/support/numbers.h"

namespace hushgrad {

inline int64_t outExtent(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  return (in + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
}

struct Shape2d {
  int64_t inChannels, outChannels, height, width, kernelHeight, kernelWidth;
  int64_t strideHeight = 1, strideWidth = 1, padHeight = 0, padWidth = 0, dilationHeight = 1, dilationWidth = 1;
  int64_t groups = 1;
};

inline Window windowOf(const Shape2d& s) {
  Window w;
  w.inChannels = s.inChannels, w.outChannels = s.outChannels;
  w.inHeight = s.height, w.inWidth = s.width;
  w.kernelHeight = s.kernelHeight, w.kernelWidth = s.kernelWidth;
  w.strideHeight = s.strideHeight, w.strideWidth = s.strideWidth;
  w.padHeight = s.padHeight, w.padWidth = s.padWidth;
  w.dilationHeight = s.dilationHeight, w.dilationWidth = s.dilationWidth;
  w.groups = s.groups;
  w.outHeight = outExtent(s.height, s.kernelHeight, s.strideHeight, s.padHeight, s.dilationHeight);
  w.outWidth = outExtent(s.width, s.kernelWidth, s.strideWidth, s.padWidth, s.dilationWidth);
  return w;
}

inline int64_t weightFloats(const Window& w) {
  return w.outChannels * w.patch();
}

inline std::vector<float> room(int64_t floats) {
  return std::vector<float>(static_cast<size_t>(floats), NAN);
}

// One convolution with its weights packed and its scratch at hand. Everything it writes starts as NaN.
struct Fixture {
  Fixture(Backend& backend, const Window& window, int64_t capacity, const std::vector<float>& weights)
      : w(window), convolution(backend.convolution(window, true, capacity)) {
    packed = room(convolution->packedFloats());
    scratch = room(convolution->scratchFloats());
    convolution->pack(weights.data(), packed.data());
  }
  std::vector<float> forward(int64_t examples, const float* x, const float* bias) {
    auto y = room(examples * w.outElements());
    convolution->forward(examples, x, packed.data(), bias, y.data(), scratch.data());
    return y;
  }
  std::vector<float> inputGradient(int64_t examples, const float* dy) {
    auto dx = room(examples * w.inElements());
    convolution->inputGradient(examples, dy, packed.data(), dx.data(), scratch.data());
    return dx;
  }
  std::vector<float> ownWeightGradient(int64_t examples, const float* x, const float* dy) {
    auto g = room(convolution->gradientFloats());
    convolution->weightGradient(examples, x, dy, g.data(), scratch.data());
    return g;
  }
  std::vector<float> weightGradient(int64_t examples, const float* x, const float* dy) {
    auto plain = room(weightFloats(w));
    convolution->unpackGradient(ownWeightGradient(examples, x, dy).data(), plain.data());
    return plain;
  }

  Window w;
  std::unique_ptr<Convolution> convolution;
  std::vector<float> packed, scratch;
};

inline double errorOf(const std::vector<float>& got, const std::vector<float>& want) {
  return relativeError({got.begin(), got.end()}, {want.begin(), want.end()});
}

}  // namespace hushgrad
