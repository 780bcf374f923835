/** Every layer: its factory, and the registry that JSON and configuration files go by. */
import { adaptiveAvgPool1dType } from "./adaptive-avg-pool1d.js";
import { adaptiveAvgPool2dType } from "./adaptive-avg-pool2d.js";
import { adaptiveAvgPool3dType } from "./adaptive-avg-pool3d.js";
import { avgPool1dType } from "./avg-pool1d.js";
import { avgPool2dType } from "./avg-pool2d.js";
import { avgPool3dType } from "./avg-pool3d.js";
import { batchNormType } from "./batch-norm.js";
import { channelsLastType } from "./channels-last.js";
import { concatType } from "./concat.js";
import { convTranspose2dType } from "./conv-transpose2d.js";
import { conv1dType } from "./conv1d.js";
import { conv2dType } from "./conv2d.js";
import { conv3dType } from "./conv3d.js";
import { dropoutType } from "./dropout.js";
import { addType, multiplyType } from "./elementwise.js";
import { flattenType } from "./flatten.js";
import { geluType } from "./gelu.js";
import { groupNormType } from "./group-norm.js";
import { instanceNorm2dType } from "./instance-norm2d.js";
import { layerNormType } from "./layer-norm.js";
import { leakyReluType } from "./leaky-relu.js";
import { linearType } from "./linear.js";
import { maxPool1dType } from "./max-pool1d.js";
import { maxPool2dType } from "./max-pool2d.js";
import { maxPool3dType } from "./max-pool3d.js";
import { padType } from "./pad.js";
import { reluType } from "./relu.js";
import { sigmoidType } from "./sigmoid.js";
import { tanhType } from "./tanh.js";
import { upsample2dType } from "./upsample2d.js";

export { adaptiveAvgPool1d, globalAvgPool1d } from "./adaptive-avg-pool1d.js";
export { adaptiveAvgPool2d, globalAvgPool2d } from "./adaptive-avg-pool2d.js";
export { adaptiveAvgPool3d, globalAvgPool3d } from "./adaptive-avg-pool3d.js";
export { type AvgPool1dOptions, avgPool1d } from "./avg-pool1d.js";
export { type AvgPool2dOptions, avgPool2d } from "./avg-pool2d.js";
export { type AvgPool3dOptions, avgPool3d } from "./avg-pool3d.js";
export { batchNorm } from "./batch-norm.js";
export { channelsLast } from "./channels-last.js";
export { type ConcatOptions, concat } from "./concat.js";
export { type ConvTranspose2dOptions, convTranspose2d } from "./conv-transpose2d.js";
export { type Conv1dOptions, conv1d } from "./conv1d.js";
export { type Conv2dOptions, conv2d } from "./conv2d.js";
export { type Conv3dOptions, conv3d } from "./conv3d.js";
export type { ParameterOptions } from "./define.js";
export { dropout } from "./dropout.js";
export { add, multiply } from "./elementwise.js";
export { flatten } from "./flatten.js";
export { type GeluOptions, gelu } from "./gelu.js";
export { type GroupNormOptions, groupNorm } from "./group-norm.js";
export { type InstanceNorm2dOptions, instanceNorm2d } from "./instance-norm2d.js";
export { type LayerNormOptions, layerNorm } from "./layer-norm.js";
export { type LeakyReluOptions, leakyRelu } from "./leaky-relu.js";
export { type LinearOptions, linear } from "./linear.js";
export { type MaxPool1dOptions, maxPool1d } from "./max-pool1d.js";
export { type MaxPool2dOptions, maxPool2d } from "./max-pool2d.js";
export { type MaxPool3dOptions, maxPool3d } from "./max-pool3d.js";
export { type PadOptions, pad } from "./pad.js";
export { relu } from "./relu.js";
export { sigmoid } from "./sigmoid.js";
export { tanh } from "./tanh.js";
export { type Upsample2dOptions, upsample2d } from "./upsample2d.js";

/** The layers that JSON may name. */
export const layerTypes = [
  linearType,
  conv2dType,
  conv3dType,
  conv1dType,
  convTranspose2dType,
  maxPool2dType,
  maxPool3dType,
  maxPool1dType,
  avgPool2dType,
  avgPool3dType,
  avgPool1dType,
  adaptiveAvgPool2dType,
  adaptiveAvgPool3dType,
  adaptiveAvgPool1dType,
  upsample2dType,
  padType,
  addType,
  multiplyType,
  concatType,
  groupNormType,
  instanceNorm2dType,
  layerNormType,
  flattenType,
  channelsLastType,
  reluType,
  leakyReluType,
  tanhType,
  sigmoidType,
  geluType,
  dropoutType,
  batchNormType,
] as const;
