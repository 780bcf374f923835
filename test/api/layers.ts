/** Layers: arguments that are taken. */
import type { PublicCall } from "./public-call.js";

const nothing: PublicCall = { values: () => ({}) };
const pool: PublicCall = {
  values: () => ({ kernelSize: 2, options: { stride: 2 } }),
  takes: { kernelSize: "1", options: "undefined {}", "options.stride": "undefined missing 1" },
};
const adaptivePool: PublicCall = { values: () => ({ outputSize: 2 }), takes: { outputSize: "1" } };
const convolution: PublicCall = {
  values: () => ({ outChannels: 2, kernelSize: 3, options: { stride: 1 } }),
  takes: { outChannels: "1", kernelSize: "1", options: "undefined {}", "options.stride": "undefined missing 1" },
};

export const ofLayers: Record<string, PublicCall> = {
  adaptiveAvgPool1d: adaptivePool,
  adaptiveAvgPool2d: adaptivePool,
  adaptiveAvgPool3d: adaptivePool,
  add: nothing,
  avgPool1d: pool,
  avgPool2d: pool,
  avgPool3d: pool,
  batchNorm: { values: () => ({ options: {} }), takes: { options: "*" } },
  channelsLast: nothing,
  concat: {
    values: () => ({ options: { dimension: 0 } }),
    takes: { options: "undefined {}", "options.dimension": "undefined missing 1" },
  },
  conv1d: convolution,
  conv2d: {
    values: () => ({ outChannels: 2, kernelSize: 3, options: { stride: 1, bias: false } }),
    takes: {
      outChannels: "1",
      kernelSize: "1",
      options: "undefined {}",
      "options.stride": "undefined missing 1",
      "options.bias": "undefined missing",
    },
  },
  conv3d: convolution,
  convTranspose2d: convolution,
  dropout: { values: () => ({ rate: 0.5 }), takes: { rate: "undefined" } },
  flatten: nothing,
  gelu: {
    values: () => ({ options: { tanh: true } }),
    takes: { options: "undefined {}", "options.tanh": "undefined missing" },
  },
  globalAvgPool1d: nothing,
  globalAvgPool2d: nothing,
  globalAvgPool3d: nothing,
  groupNorm: {
    values: () => ({ groups: 1, options: { epsilon: 1e-5 } }),
    takes: { groups: "1", options: "undefined {}", "options.epsilon": "undefined missing 1" },
  },
  instanceNorm2d: {
    values: () => ({ options: { epsilon: 1e-5 } }),
    takes: { options: "undefined {}", "options.epsilon": "undefined missing 1" },
  },
  layerFromJSON: { values: () => ({ layer: { type: "linear", outFeatures: 2 } }), takes: { "layer.outFeatures": "1" } },
  layerNorm: {
    values: () => ({ options: { epsilon: 1e-5 } }),
    takes: { options: "undefined {}", "options.epsilon": "undefined missing 1" },
  },
  leakyRelu: {
    values: () => ({ options: { slope: 0.1 } }),
    takes: { options: "undefined {}", "options.slope": "undefined missing 1" },
  },
  linear: {
    values: () => ({ outFeatures: 2, options: { bias: true, tie: "0", freeze: false } }),
    takes: {
      outFeatures: "1",
      options: "undefined {}",
      "options.bias": "undefined missing",
      "options.tie": "undefined missing text {}",
      "options.freeze": "undefined missing",
    },
  },
  maxPool1d: pool,
  maxPool2d: pool,
  maxPool3d: pool,
  multiply: nothing,
  pad: {
    values: () => ({ padding: [1, 1], options: { value: 0 } }),
    takes: { "padding.0": "1", options: "undefined {}", "options.value": "undefined missing 1" },
  },
  relu: nothing,
  sigmoid: nothing,
  tanh: nothing,
  upsample2d: {
    values: () => ({ options: { scale: 2 } }),
    takes: { options: "{}", "options.scale": "undefined missing 1" },
  },
};
