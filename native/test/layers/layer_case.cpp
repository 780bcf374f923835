#include "test/layers/layer_case.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace hushgrad {

namespace {

using Parameters = std::vector<Doubles>;

Attributes attributesOf(std::map<std::string, std::vector<double>> values) {
  Attributes attributes;
  attributes.values = std::move(values);
  return attributes;
}

LayerCase linearCase(const std::string& name, Shape input, int64_t out, bool bias) {
  int64_t in = input.back();
  Shape output = input;
  output.back() = out;
  auto forward = [in, out](const Doubles& x, const Parameters& p) {
    int64_t rows = static_cast<int64_t>(x.size()) / in;
    Doubles y(static_cast<size_t>(rows * out));
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t o = 0; o < out; ++o) {
        double sum = p[1].empty() ? 0 : p[1][o];
        for (int64_t i = 0; i < in; ++i) sum += p[0][o * in + i] * x[r * in + i];
        y[r * out + o] = sum;
      }
    }
    return y;
  };
  Attributes attributes = attributesOf({{"inFeatures", {double(in)}}, {"outFeatures", {double(out)}}});
  return {name, "Linear", attributes, input, output, {{out, in}, bias ? Shape{out} : Shape{}}, forward};
}

struct Geometry {
  int64_t kernel[2], stride[2] = {1, 1}, padding[2] = {0, 0}, dilation[2] = {1, 1}, groups = 1;
  struct {
    int64_t kernel = 1, stride = 1, padding = 0, dilation = 1;
  } depth = {};  // of volumes

  int64_t taps() const { return depth.kernel * kernel[0] * kernel[1]; }
  int64_t extent(int64_t size, int axis) const {
    return (size + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis] + 1;
  }
  Shape output(const Shape& in, int64_t channels) const {
    if (in.size() == 3) return {channels, extent(in[1], 0), extent(in[2], 1)};
    const int64_t planes = (in[1] + 2 * depth.padding - depth.dilation * (depth.kernel - 1) - 1) / depth.stride + 1;
    return {channels, planes, extent(in[2], 0), extent(in[3], 1)};
  }
  Attributes attributes(bool volume = false) const {
    auto list = [volume](int64_t first, const int64_t* v) {
      std::vector<double> sizes = {double(v[0]), double(v[1])};
      if (volume) sizes.insert(sizes.begin(), double(first));
      return sizes;
    };
    return attributesOf({{"kernelSize", list(depth.kernel, kernel)},
                         {"stride", list(depth.stride, stride)},
                         {"padding", list(depth.padding, padding)},
                         {"dilation", list(depth.dilation, dilation)},
                         {"groups", {double(groups)}}});
  }
};

// visit(index into [OH, OW], index into [H, W], index into the kernel) for every pixel under a window; of volumes, into
// [OD, OH, OW] and [D, H, W].
template <class Visit>
void forEachPixel(const Geometry& g, Shape in, Shape out, Visit visit) {
  for (Shape* shape : {&in, &out})
    if (shape->size() == 3) shape->insert(shape->begin() + 1, 1);
  const int64_t picture = g.kernel[0] * g.kernel[1];
  for (int64_t t = 0; t < out[1] * out[2] * out[3]; ++t) {
    for (int64_t k = 0; k < g.taps(); ++k) {
      int64_t d = t / (out[2] * out[3]) * g.depth.stride - g.depth.padding + k / picture * g.depth.dilation;
      int64_t h = t / out[3] % out[2] * g.stride[0] - g.padding[0] + k % picture / g.kernel[1] * g.dilation[0];
      int64_t w = t % out[3] * g.stride[1] - g.padding[1] + k % g.kernel[1] * g.dilation[1];
      bool inside = d >= 0 && d < in[1] && h >= 0 && h < in[2] && w >= 0 && w < in[3];
      if (inside) visit(t, (d * in[2] + h) * in[3] + w, k);
    }
  }
}

int64_t pixelsOf(const Shape& shape) {
  return elementCount(shape) / shape[0];
}

std::string kindOf(const std::string& name, const Shape& in) {
  return name + (in.size() == 4 ? "3d" : "2d");
}

LayerCase convolutionCase(const std::string& name, Shape in, int64_t outChannels, Geometry g, bool bias) {
  Shape out = g.output(in, outChannels);
  int64_t inGroup = in[0] / g.groups, outGroup = outChannels / g.groups, taps = g.taps();
  int64_t pixels = pixelsOf(in), positions = pixelsOf(out);
  auto forward = [=](const Doubles& x, const Parameters& p) {
    Doubles y(static_cast<size_t>(outChannels * positions), 0.0);
    for (int64_t oc = 0; oc < outChannels; ++oc) {
      for (int64_t t = 0; t < positions && !p[1].empty(); ++t) y[oc * positions + t] = p[1][oc];
      forEachPixel(g, in, out, [&](int64_t position, int64_t pixel, int64_t tap) {
        for (int64_t ic = 0; ic < inGroup; ++ic) {
          double weight = p[0][(oc * inGroup + ic) * taps + tap];
          y[oc * positions + position] += weight * x[(oc / outGroup * inGroup + ic) * pixels + pixel];
        }
      });
    }
    return y;
  };
  Attributes attributes = g.attributes(in.size() == 4);
  attributes.values["inChannels"] = {double(in[0])};
  attributes.values["outChannels"] = {double(outChannels)};
  Shape weight = {outChannels, inGroup, taps};
  return {name, kindOf("Conv", in), attributes, in, out, {weight, bias ? Shape{outChannels} : Shape{}}, forward};
}

// A convolution of weights standardised by output channel.
LayerCase standardizedCase(const std::string& name, Shape in, int64_t outChannels, Geometry g, bool bias) {
  LayerCase layer = convolutionCase(name, in, outChannels, g, bias);
  layer.attributes.values["weightStandardization"] = {1};
  auto forward = [convolve = layer.forward, outChannels](const Doubles& x, const Parameters& raw) {
    Parameters seen = raw;
    const size_t row = raw[0].size() / static_cast<size_t>(outChannels);
    for (auto first = seen[0].begin(); first != seen[0].end(); first += static_cast<std::ptrdiff_t>(row)) {
      const auto last = first + static_cast<std::ptrdiff_t>(row);
      const double mean = std::accumulate(first, last, 0.0) / static_cast<double>(row);
      std::for_each(first, last, [mean](double& w) { w -= mean; });
      const double variance = std::inner_product(first, last, first, 0.0) / static_cast<double>(row);
      std::for_each(first, last, [variance](double& w) { w /= std::sqrt(variance + 1e-6); });
    }
    return convolve(x, seen);
  };
  layer.forward = forward;
  return layer;
}

// The adjoint: what each input pixel adds to the output pixels under the kernel.
LayerCase transposedCase(const std::string& name, Shape in, Shape out, Geometry g, bool bias) {
  int64_t inGroup = in[0] / g.groups, outGroup = out[0] / g.groups, taps = g.kernel[0] * g.kernel[1];
  int64_t pixels = in[1] * in[2], positions = out[1] * out[2];
  auto forward = [=](const Doubles& x, const Parameters& p) {
    Doubles y(static_cast<size_t>(out[0] * positions), 0.0);
    for (int64_t i = 0; i < out[0] * positions && !p[1].empty(); ++i) y[i] = p[1][i / positions];
    forEachPixel(g, out, in, [&](int64_t pixel, int64_t position, int64_t tap) {
      for (int64_t ic = 0; ic < in[0]; ++ic)
        for (int64_t oc = 0; oc < outGroup; ++oc)
          y[(ic / inGroup * outGroup + oc) * positions + position] +=
              p[0][(ic * outGroup + oc) * taps + tap] * x[ic * pixels + pixel];
    });
    return y;
  };
  Shape weight = {in[0], outGroup, g.kernel[0], g.kernel[1]};
  return {name, "ConvTranspose2d", g.attributes(), in, out, {weight, bias ? Shape{out[0]} : Shape{}}, forward};
}

// The same along [C, L], of a case on [C, 1, L].
LayerCase alongLength(LayerCase layer) {
  layer.input = {layer.input[0], layer.input[2]};
  layer.output = {layer.output[0], layer.output[2]};
  for (const char* name : {"kernelSize", "stride", "padding", "dilation"}) {
    auto given = layer.attributes.values.find(name);
    if (given != layer.attributes.values.end()) given->second.erase(given->second.begin());
  }
  return layer;
}

// y[c, i, j] = Σ vertical[i][h] · horizontal[j][w] · x[c, h, w]
LayerCase resamplingCase(const std::string& name, const std::string& kind, Attributes attributes, Shape in,
                         const std::vector<Doubles>& vertical, const std::vector<Doubles>& horizontal) {
  Shape out = {in[0], static_cast<int64_t>(vertical.size()), static_cast<int64_t>(horizontal.size())};
  auto forward = [=](const Doubles& x, const Parameters&) {
    Doubles y;
    for (int64_t c = 0; c < in[0]; ++c)
      for (const Doubles& row : vertical)
        for (const Doubles& column : horizontal) {
          double sum = 0;
          for (int64_t h = 0; h < in[1]; ++h)
            for (int64_t w = 0; w < in[2]; ++w) sum += row[h] * column[w] * x[(c * in[1] + h) * in[2] + w];
          y.push_back(sum);
        }
    return y;
  };
  return {name, kind, std::move(attributes), in, out, {}, forward};
}

LayerCase padCase(const std::string& name, Shape in, std::vector<double> before, std::vector<double> after) {
  Shape out;
  for (size_t d = 0; d < in.size(); ++d) out.push_back(in[d] + static_cast<int64_t>(before[d] + after[d]));
  auto forward = [=](const Doubles& x, const Parameters&) {
    Doubles y;
    for (int64_t i = 0; i < elementCount(out); ++i) {
      int64_t index = 0, rest = i, size = elementCount(out);
      bool inside = true;
      for (size_t d = 0; d < in.size(); ++d) {
        size /= out[d];
        int64_t place = rest / size - static_cast<int64_t>(before[d]);
        rest %= size;
        inside = inside && place >= 0 && place < in[d];
        index = index * in[d] + place;
      }
      y.push_back(inside ? x[static_cast<size_t>(index)] : 0.5);
    }
    return y;
  };
  Attributes attributes = attributesOf({{"before", before}, {"after", after}, {"value", {0.5}}});
  return {name, "Pad", attributes, in, out, {}, forward};
}

LayerCase maxPoolCase(const std::string& name, Shape in, Geometry g) {
  Shape out = g.output(in, in[0]);
  int64_t pixels = pixelsOf(in), positions = pixelsOf(out);
  auto forward = [=](const Doubles& x, const Parameters&) {
    Doubles y(static_cast<size_t>(in[0] * positions), -std::numeric_limits<double>::infinity());
    forEachPixel(g, in, out, [&](int64_t position, int64_t pixel, int64_t) {
      for (int64_t c = 0; c < in[0]; ++c) {
        y[c * positions + position] = std::max(y[c * positions + position], x[c * pixels + pixel]);
      }
    });
    return y;
  };
  return {name, kindOf("MaxPool", in), g.attributes(in.size() == 4), in, out, {}, forward};
}

LayerCase averagePoolCase(const std::string& name, Shape in, Geometry g, bool countPadding) {
  Shape out = g.output(in, in[0]);
  int64_t pixels = pixelsOf(in), positions = pixelsOf(out);
  auto forward = [=](const Doubles& x, const Parameters&) {
    Doubles sums(static_cast<size_t>(in[0] * positions), 0.0), counts(sums);
    forEachPixel(g, in, out, [&](int64_t position, int64_t pixel, int64_t) {
      for (int64_t c = 0; c < in[0]; ++c) {
        sums[c * positions + position] += x[c * pixels + pixel];
        counts[c * positions + position] += 1;
      }
    });
    for (size_t i = 0; i < sums.size(); ++i) sums[i] /= countPadding ? g.taps() : counts[i];
    return sums;
  };
  Attributes attributes = g.attributes(in.size() == 4);
  attributes.values["countIncludePad"] = {countPadding ? 1.0 : 0.0};
  return {name, kindOf("AvgPool", in), attributes, in, out, {}, forward};
}

// Normalises runs of `run` elements; the weight of element i is weight[indexOf(i)].
Doubles normalizeRuns(const Doubles& x, size_t run, double epsilon, const Parameters& p,
                      const std::function<size_t(size_t)>& indexOf) {
  Doubles y(x.size());
  for (size_t first = 0; first < x.size(); first += run) {
    double mean = 0, variance = 0;
    for (size_t i = first; i < first + run; ++i) mean += x[i] / run;
    for (size_t i = first; i < first + run; ++i) variance += (x[i] - mean) * (x[i] - mean) / run;
    for (size_t i = first; i < first + run; ++i) {
      double weight = p[0].empty() ? 1 : p[0][indexOf(i)];
      double bias = p[1].empty() ? 0 : p[1][indexOf(i)];
      y[i] = (x[i] - mean) / std::sqrt(variance + epsilon) * weight + bias;
    }
  }
  return y;
}

LayerCase groupNormCase(const std::string& name, Shape shape, int64_t groups) {
  auto elements = static_cast<size_t>(elementCount(shape));
  size_t pixels = elements / static_cast<size_t>(shape[0]), run = elements / static_cast<size_t>(groups);
  auto forward = [=](const Doubles& x, const Parameters& p) {
    return normalizeRuns(x, run, 1e-5, p, [pixels](size_t i) { return i / pixels; });
  };
  Attributes attributes = attributesOf({{"groups", {double(groups)}}, {"epsilon", {1e-5}}});
  return {name, "GroupNorm", attributes, shape, shape, {{shape[0]}, {shape[0]}}, forward};
}

LayerCase layerNormCase(const std::string& name, Shape shape, size_t run, bool weight, bool bias) {
  auto forward = [=](const Doubles& x, const Parameters& p) {
    return normalizeRuns(x, run, 1e-3, p, [run](size_t i) { return i % run; });
  };
  Attributes attributes = attributesOf({{"normalizedElements", {double(run)}}, {"epsilon", {1e-3}}});
  Shape present = {static_cast<int64_t>(run)};
  return {name, "LayerNorm", attributes, shape, shape, {weight ? present : Shape{}, bias ? present : Shape{}}, forward};
}

LayerCase elementwiseCase(const std::string& name, const std::string& kind, Attributes attributes, Shape shape,
                          const std::function<double(double)>& f) {
  auto forward = [f](const Doubles& x, const Parameters&) {
    Doubles y(x.size());
    std::transform(x.begin(), x.end(), y.begin(), f);
    return y;
  };
  return {name, kind, attributes, shape, shape, {}, forward};
}

double identity(double x) {
  return x;
}

std::vector<LayerCase> makeCases() {
  const double root = std::sqrt(2 / std::acos(-1.0));
  return {
      linearCase("LinearVector", {7}, 5, true),
      linearCase("LinearVectorWithoutBias", {33}, 2, false),
      linearCase("LinearOneToOne", {1}, 1, true),
      linearCase("LinearPositions", {6, 5}, 3, true),
      linearCase("LinearManyPositions", {150, 4}, 9, false),
      convolutionCase("ConvPlain", {3, 7, 6}, 4, {{3, 3}}, true),
      convolutionCase("ConvOneChannelStridedPadded", {1, 9, 11}, 5, {{4, 3}, {2, 3}, {3, 1}}, true),
      convolutionCase("ConvGroups", {6, 5, 5}, 4, {{3, 2}, {1, 2}, {1, 0}, {1, 1}, 2}, false),
      convolutionCase("ConvDepthwise", {5, 6, 4}, 10, {{3, 3}, {1, 1}, {1, 1}, {1, 1}, 5}, true),
      convolutionCase("ConvDilated", {2, 9, 8}, 3, {{3, 2}, {2, 1}, {2, 1}, {2, 3}}, true),
      convolutionCase("ConvPointwise", {7, 4, 5}, 6, {{1, 1}}, true),
      convolutionCase("ConvPointwiseGroups", {6, 3, 3}, 4, {{1, 1}, {1, 1}, {0, 0}, {1, 1}, 2}, true),
      convolutionCase("ConvPointwiseStrided", {4, 5, 5}, 3, {{1, 1}, {2, 2}}, false),
      convolutionCase("ConvWholePicture", {4, 3, 3}, 2, {{3, 3}}, true),
      convolutionCase("ConvManyPositions", {2, 13, 12}, 3, {{3, 3}, {1, 1}, {1, 1}}, true),
      standardizedCase("ConvStandardized", {3, 7, 6}, 4, {{3, 3}, {2, 1}, {1, 0}}, true),
      standardizedCase("ConvStandardizedGroups", {6, 5, 5}, 4, {{3, 2}, {1, 2}, {1, 0}, {1, 1}, 2}, false),
      standardizedCase("ConvStandardizedOddChannels", {3, 9, 8}, 5, {{3, 3}}, true),
      standardizedCase("ConvStandardizedBlocked", {3, 9, 8}, 32, {{3, 3}, {2, 1}}, false),
      standardizedCase("ConvStandardizedWinograd", {16, 5, 6}, 16, {{3, 3}, {1, 1}, {1, 1}}, true),
      alongLength(convolutionCase("ConvAlongALength", {4, 1, 9}, 6, {{1, 3}, {1, 2}, {0, 1}, {1, 2}, 2}, true)),
      convolutionCase("ConvVolume", {3, 4, 5, 4}, 4, {{3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, {3, 1, 1, 1}}, true),
      convolutionCase("ConvVolumeUneven", {2, 6, 4, 5}, 3, {{2, 1}, {1, 2}, {1, 0}, {2, 1}, 1, {3, 2, 2, 2}}, true),
      convolutionCase("ConvVolumeGroups", {4, 3, 4, 4}, 6, {{2, 2}, {1, 1}, {0, 1}, {1, 2}, 2, {2, 1, 0, 1}}, false),
      convolutionCase("ConvVolumePointwise", {5, 3, 2, 4}, 4, {{1, 1}}, true),
      transposedCase("TransposedPlain", {3, 4, 5}, {2, 6, 6}, {{3, 2}}, true),
      transposedCase("TransposedUp", {8, 3, 3}, {4, 6, 6}, {{2, 2}, {2, 2}}, true),
      transposedCase("TransposedOutputPadding", {2, 4, 3}, {5, 8, 9}, {{3, 2}, {2, 3}, {1, 0}}, false),
      transposedCase("TransposedGroupsDilated", {4, 3, 4}, {6, 5, 6}, {{3, 3}, {1, 1}, {1, 1}, {2, 2}, 2}, true),
      transposedCase("TransposedWinograd", {16, 5, 6}, {16, 5, 6}, {{3, 3}, {1, 1}, {1, 1}}, true),
      transposedCase("TransposedToManyChannels", {1, 1, 1}, {40, 1, 1}, {{1, 1}}, true),
      resamplingCase("AdaptiveAverage", "AdaptiveAvgPool2d", {}, {3, 5, 4},
                     {{0.5, 0.5, 0, 0, 0}, {0, 1 / 3.0, 1 / 3.0, 1 / 3.0, 0}, {0, 0, 0, 0.5, 0.5}},
                     {{0.25, 0.25, 0.25, 0.25}}),
      resamplingCase("UpsampleNearest", "Upsample2d",
                     attributesOf({{"nearest", {1}}, {"alignCorners", {0}}, {"step", {0.5, 1.5}}}), {2, 2, 3},
                     {{1, 0}, {1, 0}, {0, 1}, {0, 1}}, {{1, 0, 0}, {0, 1, 0}}),
      resamplingCase("UpsampleLinear", "Upsample2d",
                     attributesOf({{"nearest", {0}}, {"alignCorners", {0}}, {"step", {0.5, 1.5}}}), {17, 2, 3},
                     {{1, 0}, {0.75, 0.25}, {0.25, 0.75}, {0, 1}}, {{0.75, 0.25, 0}, {0, 0.25, 0.75}}),
      resamplingCase("UpsampleCornersAligned", "Upsample2d",
                     attributesOf({{"nearest", {0}}, {"alignCorners", {1}}, {"step", {0.5, 0}}}), {2, 2, 3},
                     {{1, 0}, {0.5, 0.5}, {0, 1}}, {{1, 0, 0}}),
      padCase("Pad", {3, 4, 5}, {0, 1, 2}, {0, 2, 0}),
      padCase("PadChannelsAndCut", {3, 4, 5}, {1, -1, 2}, {2, 3, -2}),
      padCase("PadPositions", {4, 3}, {2, 1}, {0, -1}),
      padCase("PadVolume", {3, 2, 4, 3}, {0, 1, -1, 2}, {1, 0, 2, -1}),
      groupNormCase("GroupNormVolume", {4, 2, 3, 2}, 2),
      padCase("PadVector", {6}, {-2}, {3}),
      maxPoolCase("MaxPool", {3, 6, 7}, {{2, 2}, {2, 2}}),
      maxPoolCase("MaxPoolOverlapping", {16, 5, 5}, {{2, 2}}),
      maxPoolCase("MaxPoolPaddedDilated", {2, 7, 8}, {{3, 2}, {2, 1}, {1, 1}, {2, 2}}),
      alongLength(maxPoolCase("MaxPoolAlongALength", {2, 1, 9}, {{1, 3}, {1, 2}, {0, 1}, {1, 2}})),
      alongLength(averagePoolCase("AveragePoolAlongALength", {3, 1, 8}, {{1, 3}, {1, 2}, {0, 1}}, false)),
      alongLength(resamplingCase("AdaptiveAverageOfALength", "AdaptiveAvgPool2d", {}, {3, 1, 4}, {{1}},
                                 {{0.5, 0.5, 0, 0}, {0, 0, 0.5, 0.5}})),
      maxPoolCase("MaxPoolVolume", {2, 5, 4, 6}, {{2, 3}, {2, 1}, {1, 0}, {1, 2}, 1, {2, 1, 1, 2}}),
      averagePoolCase("AveragePoolVolume", {3, 4, 5, 4}, {{2, 3}, {2, 1}, {1, 1}, {1, 1}, 1, {2, 2, 1, 1}}, true),
      averagePoolCase("AveragePoolVolumeInsideOnly", {2, 5, 4, 4}, {{2, 2}, {1, 2}, {1, 0}, {1, 1}, 1, {3, 1, 1, 1}},
                      false),
      averagePoolCase("AveragePool", {3, 6, 6}, {{2, 3}, {2, 3}}, true),
      averagePoolCase("AveragePoolPadded", {2, 5, 6}, {{3, 3}, {2, 1}, {1, 1}}, true),
      averagePoolCase("AveragePoolInsideOnly", {2, 5, 6}, {{3, 3}, {2, 1}, {1, 1}}, false),
      groupNormCase("GroupNorm", {6, 3, 5}, 3),
      groupNormCase("GroupNormOneGroup", {5, 4, 4}, 1),
      groupNormCase("GroupNormVector", {12}, 3),
      layerNormCase("LayerNormVector", {19}, 19, true, true),
      layerNormCase("LayerNormPositions", {6, 10}, 10, true, true),
      layerNormCase("LayerNormPicture", {3, 4, 5}, 20, true, true),
      layerNormCase("LayerNormWithoutBias", {4, 8}, 8, true, false),
      layerNormCase("LayerNormWithoutParameters", {4, 8}, 8, false, false),
      elementwiseCase("Flatten", "Flatten", {}, {2, 3, 4}, identity),
      elementwiseCase("ReLU", "ReLU", {}, {37}, [](double x) { return std::max(x, 0.0); }),
      elementwiseCase("LeakyReLU", "LeakyReLU", attributesOf({{"slope", {0.1}}}), {2, 5, 3},
                      [](double x) { return x > 0 ? x : static_cast<double>(0.1f) * x; }),
      elementwiseCase("Tanh", "Tanh", {}, {6, 7}, [](double x) { return std::tanh(x); }),
      elementwiseCase("Sigmoid", "Sigmoid", {}, {41}, [](double x) { return 1 / (1 + std::exp(-x)); }),
      elementwiseCase("GELU", "GELU", attributesOf({{"tanh", {0}}}), {53},
                      [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }),
      elementwiseCase("GELUTanh", "GELU", attributesOf({{"tanh", {1}}}), {53},
                      [root](double x) { return 0.5 * x * (1 + std::tanh(root * (x + 0.044715 * x * x * x))); }),
      elementwiseCase("DropoutOfNothing", "Dropout", attributesOf({{"rate", {0}}}), {23}, identity),
  };
}

}  // namespace

const std::vector<LayerCase>& layerCases() {
  static const std::vector<LayerCase> cases = makeCases();
  return cases;
}

}  // namespace hushgrad
