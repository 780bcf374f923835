import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";
import { inferMaxPool } from "./max-pool2d.js";
import { count, padding } from "./options.js";

/** A MaxPool2d of height 1. */
export const maxPool1dType = defineLayer({
  type: "maxPool1d",
  kind: "MaxPool2d",
  options: {
    kernelSize: count,
    stride: count.optional(),
    padding: padding.default(0),
    dilation: count.default(1),
  },
  infer: ({ kernelSize, stride = kernelSize, padding, dilation }, context) =>
    inferMaxPool({ kernelSize: [kernelSize], stride: [stride], padding: [padding], dilation: [dilation] }, context),
});

export interface MaxPool1dOptions {
  /** Default: the kernel's size. */
  readonly stride?: number;
  /** At both ends, at most half the kernel's size; default 0. */
  readonly padding?: number;
  /** Default 1. */
  readonly dilation?: number;
}

/** torch.nn.MaxPool1d: `[C, L]` → `[C, L']`. */
export function maxPool1d(kernelSize: number, options: MaxPool1dOptions = {}): Layer {
  return maxPool1dType.create(options, { kernelSize });
}
