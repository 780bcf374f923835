import { z } from "zod";
import { kaimingUniform } from "../graph/initializers.js";
import type { InferredLayer, Layer } from "../graph/layer.js";
import { elementCount } from "../graph/shape.js";
import { defineLayer, type InferenceContext, type ParameterOptions } from "./define.js";
import { count, paddings, sizes } from "./options.js";
import { type Axes, requireSpatial, slide, type Window } from "./window.js";

/** Parameters `weight` [out, in / groups, kernel height, kernel width] and `bias` [out]. */
export const conv2dType = defineLayer({
  type: "conv2d",
  kind: "Conv2d",
  options: {
    outChannels: count,
    kernelSize: sizes,
    stride: sizes.default([1, 1]),
    padding: paddings.default([0, 0]),
    dilation: sizes.default([1, 1]),
    groups: count.default(1),
    bias: z.boolean().default(true),
    weightStandardization: z.boolean().default(false),
  },
  infer: inferConvolution,
});

interface Convolution extends Window {
  readonly outChannels: number;
  readonly groups: number;
  readonly bias: boolean;
  readonly weightStandardization: boolean;
}

/** A convolution over as many spatial dimensions as its kernel has. */
export function inferConvolution(options: Convolution, context: InferenceContext) {
  const { outChannels, groups, bias, kernelSize, stride, padding, dilation, weightStandardization } = options;
  const [inChannels] = requireSpatial(context, kernelSize.length as Axes);
  requireDivisible(context, "input", inChannels, groups);
  requireDivisible(context, "output", outChannels, groups);
  const weights = (inChannels / groups) * elementCount(kernelSize); // of an output channel
  if (weightStandardization && weights === 1) {
    context.refuse(
      "each output channel has a single weight, which standardises to zero",
      "leave weightStandardization out",
    );
  }
  const extents = slide(context, options);
  const initialise = kaimingUniform(weights);
  return {
    outputShape: [outChannels, ...extents],
    attributes: {
      inChannels,
      outChannels,
      kernelSize,
      stride,
      padding,
      dilation,
      groups,
      ...(weightStandardization ? { weightStandardization: 1 } : {}),
    },
    parameters: [
      { name: "weight", shape: [outChannels, inChannels / groups, ...kernelSize], initialise },
      bias ? { name: "bias", shape: [outChannels], initialise } : null,
    ],
  } satisfies InferredLayer;
}

/** Refuses channels that `groups` does not divide. */
export function requireDivisible({ refuse }: InferenceContext, which: string, channels: number, groups: number): void {
  if (channels % groups === 0) return;
  refuse(`${channels} ${which} channels are not divisible by groups ${groups}`, `use groups that divide ${channels}`);
}

export interface Conv2dOptions extends ParameterOptions {
  /** A number for both, or [height, width]; default 1. */
  readonly stride?: number | [number, number];
  /** Zeros around the picture; default 0. */
  readonly padding?: number | [number, number];
  /** Distance of the kernel's taps; default 1. */
  readonly dilation?: number | [number, number];
  /** Default 1; must divide the input's and the output's channels. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /**
   * Computes with (w − mean) / √(variance + 1e-6) of each output channel's weights (Qiao et al. 2019); what is clipped,
   * noised and updated are the raw weights w. Default false.
   */
  readonly weightStandardization?: boolean;
}

/** torch.nn.Conv2d: `[C, H, W]` → `[outChannels, H', W']`. */
export function conv2d(outChannels: number, kernelSize: number | [number, number], options: Conv2dOptions = {}): Layer {
  return conv2dType.create(options, { outChannels, kernelSize });
}
