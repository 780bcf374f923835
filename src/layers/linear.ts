import { z } from "zod";
import { kaimingUniform } from "../graph/initializers.js";
import type { Layer } from "../graph/layer.js";
import { defineLayer, type ParameterOptions } from "./define.js";
import { count } from "./options.js";

/** y = x·Wᵀ + b over the last dimension: `[…, in]` → `[…, out]`. Parameters `weight` [out, in] and `bias` [out]. */
export const linearType = defineLayer({
  type: "linear",
  kind: "Linear",
  options: { outFeatures: count, bias: z.boolean().default(true) },
  infer({ outFeatures, bias }, { input, refuse }) {
    const inFeatures = input.at(-1) ?? refuse("its input has no dimension", "give it [features] or [T, features]");
    const initialise = kaimingUniform(inFeatures);
    return {
      outputShape: [...input.slice(0, -1), outFeatures],
      attributes: { inFeatures, outFeatures },
      parameters: [
        { name: "weight", shape: [outFeatures, inFeatures], initialise },
        bias ? { name: "bias", shape: [outFeatures], initialise } : null,
      ],
    };
  },
});

export interface LinearOptions extends ParameterOptions {
  /** Default true. */
  readonly bias?: boolean;
}

/** torch.nn.Linear over the last dimension: `[…, in]` → `[…, outFeatures]`. */
export function linear(outFeatures: number, options: LinearOptions = {}): Layer {
  return linearType.create(options, { outFeatures });
}
