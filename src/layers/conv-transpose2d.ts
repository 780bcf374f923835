import { z } from "zod";
import { kaimingUniform } from "../graph/initializers.js";
import type { Layer } from "../graph/layer.js";
import { showShape } from "../graph/shape.js";
import { requireDivisible } from "./conv2d.js";
import { defineLayer, type InferenceContext, type ParameterOptions } from "./define.js";
import { count, paddings, sizes } from "./options.js";
import { type Pair, requirePicture, type Window } from "./window.js";

/** Parameters `weight` [in, out / groups, kernel height, kernel width] and `bias` [out]. */
export const convTranspose2dType = defineLayer({
  type: "convTranspose2d",
  kind: "ConvTranspose2d",
  options: {
    outChannels: count,
    kernelSize: sizes,
    stride: sizes.default([1, 1]),
    padding: paddings.default([0, 0]),
    outputPadding: paddings.default([0, 0]),
    dilation: sizes.default([1, 1]),
    groups: count.default(1),
    bias: z.boolean().default(true),
  },
  infer({ outChannels, kernelSize, stride, padding, outputPadding, dilation, groups, bias }, context) {
    const [inChannels, ...size] = requirePicture(context);
    requireDivisible(context, "input", inChannels, groups);
    requireDivisible(context, "output", outChannels, groups);
    // torch.nn.init takes a transposed weight's second dimension for its fan-in.
    const initialise = kaimingUniform((outChannels / groups) * kernelSize[0] * kernelSize[1]);
    return {
      outputShape: [outChannels, ...spread(context, size, { kernelSize, stride, padding, dilation }, outputPadding)],
      attributes: { inChannels, outChannels, kernelSize, stride, padding, dilation, groups },
      parameters: [
        { name: "weight", shape: [inChannels, outChannels / groups, ...kernelSize], initialise },
        bias ? { name: "bias", shape: [outChannels], initialise } : null,
      ],
    };
  },
});

/** Height and width, each (n − 1)s − 2p + d(k − 1) + outputPadding + 1, as in PyTorch. */
function spread({ refuse }: InferenceContext, size: Pair, window: Window<Pair>, outputPadding: Pair): Pair {
  const { kernelSize, stride, padding, dilation } = window;
  if (outputPadding[0] >= stride[0] || outputPadding[1] >= stride[1]) {
    refuse(
      `outputPadding ${showShape(outputPadding)} is not below stride ${showShape(stride)}`,
      "use less, for it chooses among the sizes that the stride maps to one, or pad after this layer",
    );
  }
  const along = (axis: 0 | 1) =>
    (size[axis] - 1) * stride[axis] -
    2 * padding[axis] +
    dilation[axis] * (kernelSize[axis] - 1) +
    outputPadding[axis] +
    1;
  const [height, width] = [along(0), along(1)];
  if (height >= 1 && width >= 1) return [height, width];
  return refuse(
    `padding ${showShape(padding)} leaves ${height}×${width} pixels`,
    "use less padding or a larger kernelSize",
  );
}

export interface ConvTranspose2dOptions extends ParameterOptions {
  /** A number for both, or [height, width]; default 1. */
  readonly stride?: number | [number, number];
  /** Pixels cut from each side of the output; default 0. */
  readonly padding?: number | [number, number];
  /** Pixels more at the bottom and the right, below the stride; default 0. */
  readonly outputPadding?: number | [number, number];
  /** Distance of the kernel's taps; default 1. */
  readonly dilation?: number | [number, number];
  /** Default 1; must divide the input's and the output's channels. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
}

/** torch.nn.ConvTranspose2d: `[C, H, W]` → `[outChannels, H', W']`. */
export function convTranspose2d(
  outChannels: number,
  kernelSize: number | [number, number],
  options: ConvTranspose2dOptions = {},
): Layer {
  return convTranspose2dType.create(options, { outChannels, kernelSize });
}
