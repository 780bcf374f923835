import { describe, expect, it } from "vitest";
import { type Layer, LayerError, sequential } from "../../src/graph/index.js";
import * as layers from "../../src/layers/index.js";
import { layerFromJSON } from "../../src/layers/model-json.js";

const {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  batchNorm,
  channelsLast,
  conv1d,
  conv2d,
  conv3d,
  convTranspose2d,
  dropout,
  flatten,
  gelu,
  globalAvgPool1d,
  globalAvgPool2d,
  globalAvgPool3d,
  groupNorm,
  instanceNorm2d,
  layerNorm,
  leakyRelu,
  linear,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  pad,
  relu,
  sigmoid,
  tanh,
  upsample2d,
} = layers;

function infer(layer: Layer, input: readonly number[]) {
  return layer.infer([input], "3");
}

describe("output shapes, attributes and parameters", () => {
  it.each<[string, Layer, number[], number[], object, (number[] | null)[]]>([
    ["linear", linear(4), [6], [4], { inFeatures: 6, outFeatures: 4 }, [[4, 6], [4]]],
    [
      "linear over positions",
      linear(4, { bias: false }),
      [5, 6],
      [5, 4],
      { inFeatures: 6, outFeatures: 4 },
      [[4, 6], null],
    ],
    [
      "conv2d",
      conv2d(6, [3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 }),
      [4, 7, 6],
      [6, 4, 4],
      {
        inChannels: 4,
        outChannels: 6,
        kernelSize: [3, 2],
        stride: [2, 1],
        padding: [1, 0],
        dilation: [1, 2],
        groups: 2,
      },
      [[6, 2, 3, 2], [6]],
    ],
    [
      "maxPool2d",
      maxPool2d(3, { stride: 2, padding: 1, dilation: 2 }),
      [3, 9, 8],
      [3, 4, 3],
      { kernelSize: [3, 3], stride: [2, 2], padding: [1, 1], dilation: [2, 2] },
      [],
    ],
    [
      "maxPool2d, stride as kernel",
      maxPool2d([2, 3]),
      [3, 7, 7],
      [3, 3, 2],
      { kernelSize: [2, 3], stride: [2, 3], padding: [0, 0], dilation: [1, 1] },
      [],
    ],
    [
      "avgPool2d",
      avgPool2d(2, { stride: 1, padding: 1, countIncludePad: false }),
      [1, 3, 3],
      [1, 4, 4],
      { kernelSize: [2, 2], stride: [1, 1], padding: [1, 1], countIncludePad: 0 },
      [],
    ],
    ["groupNorm", groupNorm(2), [4, 3, 3], [4, 3, 3], { groups: 2, epsilon: 1e-5 }, [[4], [4]]],
    [
      "groupNorm of a vector",
      groupNorm(2, { affine: false, epsilon: 0.1 }),
      [4],
      [4],
      { groups: 2, epsilon: 0.1 },
      [null, null],
    ],
    ["layerNorm", layerNorm(), [5, 6], [5, 6], { epsilon: 1e-5, normalizedElements: 6 }, [[6], [6]]],
    [
      "layerNorm over a picture",
      layerNorm({ normalizedShape: [2, 3, 4] }),
      [2, 3, 4],
      [2, 3, 4],
      { epsilon: 1e-5, normalizedElements: 24 },
      [
        [2, 3, 4],
        [2, 3, 4],
      ],
    ],
    [
      "conv1d",
      conv1d(6, 3, { stride: 2, padding: 1, dilation: 2, groups: 2 }),
      [4, 9],
      [6, 4],
      {
        inChannels: 4,
        outChannels: 6,
        kernelSize: [3],
        stride: [2],
        padding: [1],
        dilation: [2],
        groups: 2,
      },
      [[6, 2, 3], [6]],
    ],
    [
      "convTranspose2d",
      convTranspose2d(6, [3, 2], { stride: [2, 3], padding: [1, 0], outputPadding: [1, 2], groups: 2 }),
      [4, 5, 6],
      [6, 10, 19],
      {
        inChannels: 4,
        outChannels: 6,
        kernelSize: [3, 2],
        stride: [2, 3],
        padding: [1, 0],
        dilation: [1, 1],
        groups: 2,
      },
      [[4, 3, 3, 2], [6]],
    ],
    [
      "maxPool1d",
      maxPool1d(3, { stride: 2, padding: 1, dilation: 2 }),
      [3, 9],
      [3, 4],
      { kernelSize: [3], stride: [2], padding: [1], dilation: [2] },
      [],
    ],
    [
      "avgPool1d, stride as kernel",
      avgPool1d(2, { countIncludePad: false }),
      [3, 7],
      [3, 3],
      { kernelSize: [2], stride: [2], padding: [0], countIncludePad: 0 },
      [],
    ],
    ["adaptiveAvgPool1d", adaptiveAvgPool1d(5), [2, 7], [2, 5], {}, []],
    ["globalAvgPool1d", globalAvgPool1d(), [2, 7], [2, 1], {}, []],
    [
      "conv3d",
      conv3d(6, [3, 2, 1], { stride: [2, 1, 3], padding: [1, 0, 2], dilation: [1, 2, 1], groups: 2 }),
      [4, 7, 6, 5],
      [6, 4, 4, 3],
      {
        inChannels: 4,
        outChannels: 6,
        kernelSize: [3, 2, 1],
        stride: [2, 1, 3],
        padding: [1, 0, 2],
        dilation: [1, 2, 1],
        groups: 2,
      },
      [[6, 2, 3, 2, 1], [6]],
    ],
    [
      "maxPool3d",
      maxPool3d(2, { stride: [1, 2, 2] }),
      [3, 5, 6, 7],
      [3, 4, 3, 3],
      { kernelSize: [2, 2, 2], stride: [1, 2, 2], padding: [0, 0, 0], dilation: [1, 1, 1] },
      [],
    ],
    [
      "avgPool3d",
      avgPool3d([2, 3, 1], { padding: [1, 1, 0] }),
      [3, 4, 6, 7],
      [3, 3, 2, 7],
      { kernelSize: [2, 3, 1], stride: [2, 3, 1], padding: [1, 1, 0], countIncludePad: 1 },
      [],
    ],
    ["adaptiveAvgPool3d", adaptiveAvgPool3d([3, 9, 1]), [2, 7, 5, 4], [2, 3, 9, 1], {}, []],
    ["globalAvgPool3d", globalAvgPool3d(), [2, 7, 5, 4], [2, 1, 1, 1], {}, []],
    ["adaptiveAvgPool2d", adaptiveAvgPool2d([3, 9]), [2, 7, 5], [2, 3, 9], {}, []],
    ["globalAvgPool2d", globalAvgPool2d(), [2, 7, 5], [2, 1, 1], {}, []],
    [
      "upsample2d by a scale",
      upsample2d({ scale: [2, 1.5] }),
      [2, 3, 5],
      [2, 6, 7],
      { nearest: 1, alignCorners: 0, step: [1 / 2, 1 / 1.5] },
      [],
    ],
    [
      "upsample2d to a size",
      upsample2d({ size: [6, 2], mode: "bilinear" }),
      [2, 3, 5],
      [2, 6, 2],
      { nearest: 0, alignCorners: 0, step: [1 / 2, 5 / 2] },
      [],
    ],
    [
      "upsample2d with aligned corners",
      upsample2d({ size: [5, 1], mode: "bilinear", alignCorners: true }),
      [2, 3, 5],
      [2, 5, 1],
      { nearest: 0, alignCorners: 1, step: [1 / 2, 0] },
      [],
    ],
    [
      "pad",
      pad([1, 2, -1, 0], { value: 3 }),
      [2, 4, 5],
      [2, 3, 8],
      { before: [0, -1, 1], after: [0, 0, 2], value: 3 },
      [],
    ],
    [
      "instanceNorm2d",
      instanceNorm2d({ affine: true }),
      [4, 3, 3],
      [4, 3, 3],
      { groups: 4, epsilon: 1e-5 },
      [[4], [4]],
    ],
    ["instanceNorm2d, plain", instanceNorm2d(), [4, 3, 3], [4, 3, 3], { groups: 4, epsilon: 1e-5 }, [null, null]],
    ["groupNorm of a volume", groupNorm(2), [4, 2, 3, 5], [4, 2, 3, 5], { groups: 2, epsilon: 1e-5 }, [[4], [4]]],
    ["groupNorm over positions", groupNorm(2), [4, 6], [4, 6], { groups: 2, epsilon: 1e-5 }, [[4], [4]]],
    ["flatten", flatten(), [2, 3, 4], [24], {}, []],
    ["channelsLast", channelsLast(), [2, 3, 4], [12, 2], {}, []],
    ["channelsLast of a length", channelsLast(), [2, 3], [3, 2], {}, []],
    ["relu", relu(), [2, 3], [2, 3], {}, []],
    ["leakyRelu", leakyRelu(), [3], [3], { slope: 0.01 }, []],
    ["tanh", tanh(), [3], [3], {}, []],
    ["sigmoid", sigmoid(), [3], [3], {}, []],
    ["gelu", gelu({ tanh: true }), [3], [3], { tanh: 1 }, []],
    ["dropout", dropout(0.25), [3], [3], { rate: 0.25 }, []],
  ])("%s", (_, layer, input, output, attributes, shapes) => {
    const inferred = infer(layer, input);
    expect(inferred.outputShape).toEqual(output);
    expect(inferred.attributes).toEqual(attributes);
    expect(inferred.parameters.map((parameter) => parameter && [...parameter.shape])).toEqual(shapes);
    expect(infer(layerFromJSON(JSON.parse(JSON.stringify(layer))), input).attributes).toEqual(attributes);
  });
});

describe("refusals name the path, the reason and what to use instead", () => {
  it.each<[string, Layer, number[], RegExp]>([
    [
      "batchNorm",
      batchNorm({ momentum: 0.1 }),
      [3, 4, 4],
      /^layer '3' \(batchNorm\): it mixes the examples .*; use groupNorm/,
    ],
    [
      "conv2d of a vector",
      conv2d(2, 3),
      [9],
      /^layer '3' \(conv2d\): its input has shape \[9\], not \[channels, height, width\]; give/,
    ],
    [
      "conv2d of standardised single weights",
      conv2d(6, 1, { groups: 3, weightStandardization: true }),
      [3, 4, 4],
      /each output channel has a single weight, which standardises to zero; leave weightStandardization out/,
    ],
    [
      "conv2d groups against input",
      conv2d(4, 1, { groups: 2 }),
      [3, 4, 4],
      /3 input channels are not divisible by groups 2; use groups that divide 3/,
    ],
    [
      "conv2d groups against output",
      conv2d(3, 1, { groups: 2 }),
      [4, 4, 4],
      /3 output channels are not divisible by groups 2/,
    ],
    [
      "conv2d kernel over height",
      conv2d(1, [5, 1]),
      [1, 4, 9],
      /reaches over 5 positions, but the input's height with padding is 4; use a smaller/,
    ],
    [
      "conv2d dilated kernel over width",
      conv2d(1, 3, { dilation: 3, padding: 1 }),
      [1, 9, 4],
      /reaches over 7 positions, but the input's width with padding is 6/,
    ],
    ["maxPool2d of a vector", maxPool2d(2), [9], /^layer '3' \(maxPool2d\): its input has shape \[9\]/],
    [
      "maxPool2d padding",
      maxPool2d(3, { padding: 2 }),
      [1, 9, 9],
      /padding \[2, 2\] is more than half of kernelSize \[3, 3\]; use a padding of at most \[1, 1\]/,
    ],
    ["avgPool2d padding", avgPool2d([2, 4], { padding: [2, 2] }), [1, 9, 9], /at most \[1, 2\]/],
    [
      "conv3d of a picture",
      conv3d(2, 3),
      [2, 5, 5],
      /not \[channels, depth, height, width\]; give the model an input of shape \[C, D, H, W\]/,
    ],
    ["conv3d kernel", conv3d(2, [5, 1, 1]), [2, 4, 9, 9], /reaches over 5 positions, but the input's depth .* is 4/],
    ["conv3d groups", conv3d(4, 1, { groups: 2 }), [3, 4, 4, 4], /3 input channels are not divisible by groups 2/],
    ["maxPool3d padding", maxPool3d(3, { padding: [2, 1, 1] }), [1, 9, 9, 9], /use a padding of at most \[1, 1, 1\]/],
    ["maxPool1d padding", maxPool1d(3, { padding: 2 }), [1, 9], /padding \[2\] is more than half of kernelSize \[3\]/],
    ["avgPool1d of a picture", avgPool1d(2), [1, 4, 4], /not \[channels, length\]/],
    ["adaptiveAvgPool1d of a vector", adaptiveAvgPool1d(1), [4], /its input has shape \[4\], not \[channels, length\]/],
    ["avgPool2d kernel", avgPool2d(5), [1, 4, 4], /reaches over 5 positions/],
    ["conv1d of a picture", conv1d(2, 3), [2, 3, 4], /its input has shape \[2, 3, 4\], not \[channels, length\]/],
    ["conv1d kernel", conv1d(2, 5), [2, 4], /reaches over 5 positions, but the input's length with padding is 4/],
    [
      "convTranspose2d outputPadding",
      convTranspose2d(2, 3, { stride: [2, 1], outputPadding: 1 }),
      [2, 4, 4],
      /outputPadding \[1, 1\] is not below stride \[2, 1\]; use less/,
    ],
    [
      "convTranspose2d padding",
      convTranspose2d(2, 1, { padding: 2 }),
      [2, 4, 5],
      /padding \[2, 2\] leaves 0×1 pixels; use less padding/,
    ],
    ["convTranspose2d groups", convTranspose2d(3, 1, { groups: 2 }), [2, 4, 4], /3 output channels are not divisible/],
    ["adaptiveAvgPool2d of a vector", adaptiveAvgPool2d(1), [4], /its input has shape \[4\]/],
    ["upsample2d without a size", upsample2d({}), [1, 4, 4], /neither size nor scale; give it one of the two/],
    ["upsample2d with both", upsample2d({ size: 2, scale: 2 }), [1, 4, 4], /both size and scale/],
    ["upsample2d to nothing", upsample2d({ scale: 0.2 }), [1, 9, 4], /scale 0.2,0.2 leaves 1×0 of 9×4 pixels/],
    ["upsample2d corners", upsample2d({ size: 2, alignCorners: true }), [1, 4, 4], /'nearest' has no corners to align/],
    ["pad dimensions", pad([1, 1, 1, 1]), [4], /padding has 2 pairs, but its input \[4\] has 1 dimensions/],
    ["pad to nothing", pad([-2, -2]), [4], /padding -2 and -2 leaves nothing of dimension 0, which has 4 positions/],
    ["instanceNorm2d of single pixels", instanceNorm2d(), [4, 1, 1], /each group would hold a single number/],
    ["channelsLast of a vector", channelsLast(), [4], /its input has shape \[4\], which has channels and no positions/],
    ["groupNorm groups", groupNorm(4), [6, 3, 3], /6 channels are not divisible by groups 4; use groups that divide 6/],
    ["groupNorm of single numbers", groupNorm(6), [6], /each group would hold a single number/],
    [
      "layerNorm shape",
      layerNorm({ normalizedShape: [5, 6] }),
      [6, 5],
      /normalizedShape \[5, 6\] is not how the input's shape \[6, 5\] ends; use \[5\] or \[6, 5\]/,
    ],
    ["layerNorm rank", layerNorm({ normalizedShape: [2, 6] }), [6], /\[2, 6\] is not how the input's shape \[6\] ends/],
    ["layerNorm of single numbers", layerNorm(), [6, 1], /single numbers/],
  ])("%s", (_, layer, input, message) => {
    expect(() => infer(layer, input)).toThrow(LayerError);
    expect(() => infer(layer, input)).toThrow(message);
  });

  it("tells the path within a model", () => {
    expect(() => sequential([3, 8, 8], [conv2d(4, 3), relu(), batchNorm()])).toThrow(/^layer '2' \(batchNorm\)/);
  });
});

describe("options name themselves, what came and what is allowed", () => {
  it.each<[string, () => Layer, RegExp]>([
    ["linear", () => linear(0), /linear\.outFeatures: .*>=1 \(got 0\)/],
    ["linear, NaN", () => linear(Number.NaN), /linear\.outFeatures: .*\(got NaN\)/],
    [
      "conv2d",
      () => conv2d(2, [3, 3, 3] as never),
      /conv2d\.kernelSize: expected a whole number >= 1 or \[height, width\] \(got \[3,3,3\]\)/,
    ],
    [
      "options in the place of the kernel's size",
      () => conv2d(16, { padding: 1 } as never),
      /^conv2d\.kernelSize: expected a whole number >= 1 or \[height, width\] \(got \{"padding":1\}\)$/,
    ],
    ["conv3d", () => conv3d(2, [3, 3] as never), /conv3d\.kernelSize: .* or \[depth, height, width\] \(got \[3,3\]\)/],
    ["conv2d padding", () => conv2d(2, 3, { padding: -1 }), /conv2d\.padding: .*\(got -1\)/],
    ["conv2d stride", () => conv2d(2, 3, { stride: 1.5 }), /conv2d\.stride: .*\(got 1\.5\)/],
    [
      "an unknown option",
      () => conv2d(2, 3, { pading: 1 } as never),
      /conv2d: unknown key 'pading'; allowed are .*padding/,
    ],
    ["dropout", () => dropout(1), /dropout\.rate: .*<1 \(got 1\)/],
    ["leakyRelu", () => leakyRelu({ slope: -0.1 }), /leakyRelu\.slope: .*\(got -0\.1\)/],
    ["groupNorm", () => groupNorm(2, { epsilon: 0 }), /groupNorm\.epsilon: .*\(got 0\)/],
    ["pad", () => pad([1]), /pad\.padding: .*\(got \[1\]\)/],
    ["pad of pairs", () => pad([1, 2, 3]), /pad\.padding: expected pairs: before and after/],
    ["pad value", () => pad([1, 2], { value: 1e39 }), /pad\.value: expected a number that float32 can hold/],
    ["upsample2d", () => upsample2d({ scale: -1 }), /upsample2d\.scale: .*\(got -1\)/],
    [
      "upsample2d mode",
      () => upsample2d({ size: 2, mode: "bicubic" as never }),
      /upsample2d\.mode: .*"nearest"\|"bilinear"/,
    ],
    ["gelu", () => gelu({ tanh: 1 as never }), /gelu\.tanh: .*\(got 1\)/],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
});

it("the registry knows every layer once", () => {
  const types = layers.layerTypes.map((layer) => layer.type);
  expect(new Set(types).size).toBe(types.length);
  for (const type of types) expect(layers).toHaveProperty(type);
});
