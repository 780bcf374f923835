/** Every layer: its factory, and the registry that JSON and configuration files go by. */
import { avgPool2dType } from "./avg-pool2d.js";
import { batchNormType } from "./batch-norm.js";
import { conv2dType } from "./conv2d.js";
import { dropoutType } from "./dropout.js";
import { flattenType } from "./flatten.js";
import { geluType } from "./gelu.js";
import { groupNormType } from "./group-norm.js";
import { layerNormType } from "./layer-norm.js";
import { leakyReluType } from "./leaky-relu.js";
import { linearType } from "./linear.js";
import { maxPool2dType } from "./max-pool2d.js";
import { reluType } from "./relu.js";
import { sigmoidType } from "./sigmoid.js";
import { tanhType } from "./tanh.js";

export { type AvgPool2dOptions, avgPool2d } from "./avg-pool2d.js";
export { batchNorm } from "./batch-norm.js";
export { type Conv2dOptions, conv2d } from "./conv2d.js";
export { dropout } from "./dropout.js";
export { flatten } from "./flatten.js";
export { type GeluOptions, gelu } from "./gelu.js";
export { type GroupNormOptions, groupNorm } from "./group-norm.js";
export { type LayerNormOptions, layerNorm } from "./layer-norm.js";
export { type LeakyReluOptions, leakyRelu } from "./leaky-relu.js";
export { type LinearOptions, linear } from "./linear.js";
export { type MaxPool2dOptions, maxPool2d } from "./max-pool2d.js";
export { relu } from "./relu.js";
export { sigmoid } from "./sigmoid.js";
export { tanh } from "./tanh.js";

/** The layers that JSON may name. */
export const layerTypes = [
  linearType,
  conv2dType,
  maxPool2dType,
  avgPool2dType,
  groupNormType,
  layerNormType,
  flattenType,
  reluType,
  leakyReluType,
  tanhType,
  sigmoidType,
  geluType,
  dropoutType,
  batchNormType,
] as const;
