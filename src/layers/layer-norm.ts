import { z } from "zod";
import { constant } from "../graph/initializers.js";
import type { Layer } from "../graph/layer.js";
import { elementCount, type Shape, showShape } from "../graph/shape.js";
import { defineLayer, type ParameterOptions } from "./define.js";
import { count, epsilon } from "./options.js";

/** Parameters `weight` and `bias` of the shape that is normalised. */
export const layerNormType = defineLayer({
  type: "layerNorm",
  kind: "LayerNorm",
  options: { normalizedShape: z.array(count).min(1).optional(), epsilon, affine: z.boolean().default(true) },
  infer({ normalizedShape, epsilon, affine }, { input, refuse }) {
    const shape: Shape = normalizedShape ?? input.slice(-1);
    if (showShape(input.slice(-shape.length)) !== showShape(shape)) {
      refuse(
        `normalizedShape ${showShape(shape)} is not how the input's shape ${showShape(input)} ends`,
        `use ${showShape(input.slice(-1))} or ${showShape(input)}`,
      );
    }
    const normalizedElements = elementCount(shape);
    if (normalizedElements === 1) {
      refuse("it would normalise single numbers, which gives zeros", "normalise over more dimensions, or leave it out");
    }
    return {
      outputShape: input,
      attributes: { epsilon, normalizedElements },
      parameters: [
        affine ? { name: "weight", shape, initialise: constant(1) } : null,
        affine ? { name: "bias", shape, initialise: constant(0) } : null,
      ],
    };
  },
});

export interface LayerNormOptions extends ParameterOptions {
  /** The last dimensions to normalise over; default: the last one alone. */
  readonly normalizedShape?: number[];
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number;
  /** True (default): a weight and a bias for each normalised element. */
  readonly affine?: boolean;
}

/** torch.nn.LayerNorm over the last dimensions. */
export function layerNorm(options: LayerNormOptions = {}): Layer {
  return layerNormType.create(options);
}
