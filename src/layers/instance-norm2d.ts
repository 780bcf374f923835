import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { defineLayer, type ParameterOptions } from "./define.js";
import { inferGroupNorm } from "./group-norm.js";
import { epsilon } from "./options.js";
import { requirePicture } from "./window.js";

/** A group norm of as many groups as channels. */
export const instanceNorm2dType = defineLayer({
  type: "instanceNorm2d",
  kind: "GroupNorm",
  options: { epsilon, affine: z.boolean().default(false) },
  infer: (options, context) => inferGroupNorm({ ...options, groups: requirePicture(context)[0] }, context),
});

export interface InstanceNorm2dOptions extends ParameterOptions {
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number;
  /** True: a weight and a bias for each channel. Default false, as in PyTorch. */
  readonly affine?: boolean;
}

/** torch.nn.InstanceNorm2d over `[C, H, W]`, without running statistics: each channel of each example by itself. */
export function instanceNorm2d(options: InstanceNorm2dOptions = {}): Layer {
  return instanceNorm2dType.create(options);
}
