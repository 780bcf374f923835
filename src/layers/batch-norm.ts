import { z } from "zod";
import { LayerError } from "../graph/errors.js";
import type { Layer } from "../graph/layer.js";
import type { LayerType } from "./define.js";

export const batchNormRefusal = {
  reason:
    "it mixes the examples of a batch and keeps running statistics of them, so that one example changes the " +
    "gradients of the others and clipping bounds nothing",
  instead: "use groupNorm (or layerNorm), which normalises within each example",
} as const;

const schema = z.looseObject({ type: z.literal("batchNorm") });

/** Known so that it can be refused with its reason, whatever options come with it. */
export const batchNormType: LayerType<"batchNorm", typeof schema> = {
  type: "batchNorm",
  schema,
  create: (options) => ({
    type: "batchNorm",
    kind: "BatchNorm",
    frozen: false,
    infer(_, path) {
      throw new LayerError(path, "batchNorm", batchNormRefusal.reason, batchNormRefusal.instead);
    },
    toJSON: () => ({ ...options, type: "batchNorm" }),
  }),
};

/** Refused wherever it stands in a model, for it mixes examples: use `groupNorm`. */
export function batchNorm(options: object = {}): Layer {
  return batchNormType.create(options);
}
