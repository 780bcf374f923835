import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { showShape } from "../graph/shape.js";
import { defineLayer } from "./define.js";

export const concatType = defineLayer({
  type: "concat",
  kind: "Concat",
  inputs: "several",
  options: { dimension: z.int().min(0).default(0) },
  infer({ dimension }, { input, inputs, refuse }) {
    if (dimension >= input.length) {
      refuse(`there is no dimension ${dimension} in ${showShape(input)}`, `use one of 0 to ${input.length - 1}`);
    }
    const others = (shape: readonly number[]) => showShape(shape.map((extent, d) => (d === dimension ? 0 : extent)));
    if (inputs.some((shape) => others(shape) !== others(input))) {
      refuse(
        `its inputs have shapes ${inputs.map(showShape).join(" and ")}`,
        `give it values that differ in dimension ${dimension} alone`,
      );
    }
    const extent = inputs.reduce((sum, shape) => sum + (shape[dimension] ?? 0), 0);
    return {
      outputShape: input.map((own, d) => (d === dimension ? extent : own)),
      attributes: { dimension },
      parameters: [],
    };
  },
});

export interface ConcatOptions {
  /** Which dimension grows, without the batch; default 0: channels of `[C, H, W]`. */
  readonly dimension?: number;
}

/** torch.cat of two or more values, which agree in every other dimension. */
export function concat(options: ConcatOptions = {}): Layer {
  return concatType.create(options);
}
