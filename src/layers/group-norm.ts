import { z } from "zod";
import { constant } from "../graph/initializers.js";
import type { InferredLayer, Layer } from "../graph/layer.js";
import { elementCount } from "../graph/shape.js";
import { defineLayer, type InferenceContext, type ParameterOptions } from "./define.js";
import { count, epsilon } from "./options.js";

/** Parameters `weight` [C] and `bias` [C]. */
export const groupNormType = defineLayer({
  type: "groupNorm",
  kind: "GroupNorm",
  options: { groups: count, epsilon, affine: z.boolean().default(true) },
  infer: inferGroupNorm,
});

/** For layers that are a group norm under another name. */
export function inferGroupNorm(
  { groups, epsilon, affine }: { groups: number; epsilon: number; affine: boolean },
  context: InferenceContext,
): InferredLayer {
  const channels = context.input[0] as number;
  if (channels % groups !== 0) {
    context.refuse(`${channels} channels are not divisible by groups ${groups}`, `use groups that divide ${channels}`);
  }
  if (elementCount(context.input) === groups) {
    context.refuse("each group would hold a single number, which normalises to zero", "use fewer groups");
  }
  return {
    outputShape: context.input,
    attributes: { groups, epsilon },
    parameters: [
      affine ? { name: "weight", shape: [channels], initialise: constant(1) } : null,
      affine ? { name: "bias", shape: [channels], initialise: constant(0) } : null,
    ],
  };
}

export interface GroupNormOptions extends ParameterOptions {
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number;
  /** True (default): a weight and a bias for each channel. */
  readonly affine?: boolean;
}

/** torch.nn.GroupNorm over `[C, D, H, W]`, `[C, H, W]`, `[C, L]` or `[C]`, within the example: C channels in `groups` groups. */
export function groupNorm(groups: number, options: GroupNormOptions = {}): Layer {
  return groupNormType.create(options, { groups });
}
