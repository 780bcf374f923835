import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { inferAvgPool } from "./avg-pool2d.js";
import { defineLayer } from "./define.js";
import { count, padding } from "./options.js";

/** An AvgPool2d of height 1. */
export const avgPool1dType = defineLayer({
  type: "avgPool1d",
  kind: "AvgPool2d",
  options: {
    kernelSize: count,
    stride: count.optional(),
    padding: padding.default(0),
    countIncludePad: z.boolean().default(true),
  },
  infer: ({ kernelSize, stride = kernelSize, padding, countIncludePad }, context) =>
    inferAvgPool({ kernelSize: [kernelSize], stride: [stride], padding: [padding], countIncludePad }, context),
});

export interface AvgPool1dOptions {
  /** Default: the kernel's size. */
  readonly stride?: number;
  /** At both ends, at most half the kernel's size; default 0. */
  readonly padding?: number;
  /** True (default): zeros of the padding count in the average. */
  readonly countIncludePad?: boolean;
}

/** torch.nn.AvgPool1d: `[C, L]` → `[C, L']`. */
export function avgPool1d(kernelSize: number, options: AvgPool1dOptions = {}): Layer {
  return avgPool1dType.create(options, { kernelSize });
}
