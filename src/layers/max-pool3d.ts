import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";
import { inferMaxPool } from "./max-pool2d.js";
import { volumePaddings, volumeSizes } from "./options.js";

export const maxPool3dType = defineLayer({
  type: "maxPool3d",
  kind: "MaxPool3d",
  options: {
    kernelSize: volumeSizes,
    stride: volumeSizes.optional(),
    padding: volumePaddings.default([0, 0, 0]),
    dilation: volumeSizes.default([1, 1, 1]),
  },
  infer: inferMaxPool,
});

export interface MaxPool3dOptions {
  /** A number for all three, or [depth, height, width]; default: the kernel's size. */
  readonly stride?: number | [number, number, number];
  /** At most half the kernel's size; default 0. */
  readonly padding?: number | [number, number, number];
  /** Default 1. */
  readonly dilation?: number | [number, number, number];
}

/** torch.nn.MaxPool3d: `[C, D, H, W]` → `[C, D', H', W']`. */
export function maxPool3d(kernelSize: number | [number, number, number], options: MaxPool3dOptions = {}): Layer {
  return maxPool3dType.create(options, { kernelSize });
}
