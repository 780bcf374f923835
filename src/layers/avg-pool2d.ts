import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { defineLayer, type InferenceContext } from "./define.js";
import { paddings, sizes } from "./options.js";
import { type Axes, requireHalfPadding, requireSpatial, type Sizes, slide } from "./window.js";

export const avgPool2dType = defineLayer({
  type: "avgPool2d",
  kind: "AvgPool2d",
  options: {
    kernelSize: sizes,
    stride: sizes.optional(),
    padding: paddings.default([0, 0]),
    countIncludePad: z.boolean().default(true),
  },
  infer: inferAvgPool,
});

interface AvgPool {
  readonly kernelSize: Sizes;
  readonly stride?: Sizes | undefined;
  readonly padding: Sizes;
  readonly countIncludePad: boolean;
}

/** A mean over as many spatial dimensions as its kernel has. */
export function inferAvgPool(
  { kernelSize, stride = kernelSize, padding, countIncludePad }: AvgPool,
  context: InferenceContext,
) {
  const [channels] = requireSpatial(context, kernelSize.length as Axes);
  requireHalfPadding(context, { kernelSize, padding });
  const dilation = kernelSize.map(() => 1);
  return {
    outputShape: [channels, ...slide(context, { kernelSize, stride, padding, dilation })],
    attributes: { kernelSize, stride, padding, countIncludePad: countIncludePad ? 1 : 0 },
    parameters: [],
  };
}

export interface AvgPool2dOptions {
  /** A number for both, or [height, width]; default: the kernel's size. */
  readonly stride?: number | [number, number];
  /** At most half the kernel's size; default 0. */
  readonly padding?: number | [number, number];
  /** True (default): zeros of the padding count in the average. */
  readonly countIncludePad?: boolean;
}

/** torch.nn.AvgPool2d: `[C, H, W]` → `[C, H', W']`. */
export function avgPool2d(kernelSize: number | [number, number], options: AvgPool2dOptions = {}): Layer {
  return avgPool2dType.create(options, { kernelSize });
}
