import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { inferAvgPool } from "./avg-pool2d.js";
import { defineLayer } from "./define.js";
import { volumePaddings, volumeSizes } from "./options.js";

export const avgPool3dType = defineLayer({
  type: "avgPool3d",
  kind: "AvgPool3d",
  options: {
    kernelSize: volumeSizes,
    stride: volumeSizes.optional(),
    padding: volumePaddings.default([0, 0, 0]),
    countIncludePad: z.boolean().default(true),
  },
  infer: inferAvgPool,
});

export interface AvgPool3dOptions {
  /** A number for all three, or [depth, height, width]; default: the kernel's size. */
  readonly stride?: number | [number, number, number];
  /** At most half the kernel's size; default 0. */
  readonly padding?: number | [number, number, number];
  /** True (default): zeros of the padding count in the average. */
  readonly countIncludePad?: boolean;
}

/** torch.nn.AvgPool3d: `[C, D, H, W]` → `[C, D', H', W']`. */
export function avgPool3d(kernelSize: number | [number, number, number], options: AvgPool3dOptions = {}): Layer {
  return avgPool3dType.create(options, { kernelSize });
}
