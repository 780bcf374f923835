import type { Layer } from "../graph/layer.js";
import { defineLayer, type InferenceContext } from "./define.js";
import { paddings, sizes } from "./options.js";
import { type Axes, requireHalfPadding, requireSpatial, type Sizes, slide } from "./window.js";

export const maxPool2dType = defineLayer({
  type: "maxPool2d",
  kind: "MaxPool2d",
  options: {
    kernelSize: sizes,
    stride: sizes.optional(),
    padding: paddings.default([0, 0]),
    dilation: sizes.default([1, 1]),
  },
  infer: inferMaxPool,
});

interface MaxPool {
  readonly kernelSize: Sizes;
  readonly stride?: Sizes | undefined;
  readonly padding: Sizes;
  readonly dilation: Sizes;
}

/** A maximum over as many spatial dimensions as its kernel has. */
export function inferMaxPool(
  { kernelSize, stride = kernelSize, padding, dilation }: MaxPool,
  context: InferenceContext,
) {
  const [channels] = requireSpatial(context, kernelSize.length as Axes);
  const window = { kernelSize, stride, padding, dilation };
  requireHalfPadding(context, window);
  return { outputShape: [channels, ...slide(context, window)], attributes: window, parameters: [] };
}

export interface MaxPool2dOptions {
  /** A number for both, or [height, width]; default: the kernel's size. */
  readonly stride?: number | [number, number];
  /** At most half the kernel's size; default 0. */
  readonly padding?: number | [number, number];
  /** Default 1. */
  readonly dilation?: number | [number, number];
}

/** torch.nn.MaxPool2d: `[C, H, W]` → `[C, H', W']`. */
export function maxPool2d(kernelSize: number | [number, number], options: MaxPool2dOptions = {}): Layer {
  return maxPool2dType.create(options, { kernelSize });
}
