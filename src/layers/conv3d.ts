import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { inferConvolution } from "./conv2d.js";
import { defineLayer, type ParameterOptions } from "./define.js";
import { count, volumePaddings, volumeSizes } from "./options.js";

/** Parameters `weight` [out, in / groups, kernel depth, kernel height, kernel width] and `bias` [out]. */
export const conv3dType = defineLayer({
  type: "conv3d",
  kind: "Conv3d",
  options: {
    outChannels: count,
    kernelSize: volumeSizes,
    stride: volumeSizes.default([1, 1, 1]),
    padding: volumePaddings.default([0, 0, 0]),
    dilation: volumeSizes.default([1, 1, 1]),
    groups: count.default(1),
    bias: z.boolean().default(true),
    weightStandardization: z.boolean().default(false),
  },
  infer: inferConvolution,
});

export interface Conv3dOptions extends ParameterOptions {
  /** A number for all three, or [depth, height, width]; default 1. */
  readonly stride?: number | [number, number, number];
  /** Zeros around the volume; default 0. */
  readonly padding?: number | [number, number, number];
  /** Distance of the kernel's taps; default 1. */
  readonly dilation?: number | [number, number, number];
  /** Default 1; must divide the input's and the output's channels. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** As of `conv2d`; default false. */
  readonly weightStandardization?: boolean;
}

/** torch.nn.Conv3d: `[C, D, H, W]` → `[outChannels, D', H', W']`. */
export function conv3d(
  outChannels: number,
  kernelSize: number | [number, number, number],
  options: Conv3dOptions = {},
): Layer {
  return conv3dType.create(options, { outChannels, kernelSize });
}
