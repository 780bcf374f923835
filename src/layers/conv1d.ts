import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { inferConvolution } from "./conv2d.js";
import { defineLayer, type ParameterOptions } from "./define.js";
import { count, padding } from "./options.js";

/** A Conv2d of height 1. Parameters `weight` [out, in / groups, kernel] and `bias` [out]. */
export const conv1dType = defineLayer({
  type: "conv1d",
  kind: "Conv2d",
  options: {
    outChannels: count,
    kernelSize: count,
    stride: count.default(1),
    padding: padding.default(0),
    dilation: count.default(1),
    groups: count.default(1),
    bias: z.boolean().default(true),
    weightStandardization: z.boolean().default(false),
  },
  infer: ({ kernelSize, stride, padding, dilation, ...rest }, context) =>
    inferConvolution(
      { ...rest, kernelSize: [kernelSize], stride: [stride], padding: [padding], dilation: [dilation] },
      context,
    ),
});

export interface Conv1dOptions extends ParameterOptions {
  /** Default 1. */
  readonly stride?: number;
  /** Zeros at both ends; default 0. */
  readonly padding?: number;
  /** Distance of the kernel's taps; default 1. */
  readonly dilation?: number;
  /** Default 1; must divide the input's and the output's channels. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** As of `conv2d`; default false. */
  readonly weightStandardization?: boolean;
}

/** torch.nn.Conv1d: `[C, L]` → `[outChannels, L']`. */
export function conv1d(outChannels: number, kernelSize: number, options: Conv1dOptions = {}): Layer {
  return conv1dType.create(options, { outChannels, kernelSize });
}
