import { z } from "zod";
import { defineLoss, type Loss } from "./define.js";

export const binaryCrossEntropyWithLogitsType = defineLoss("binaryCrossEntropyWithLogits", "values", {
  positiveWeight: z.number().positive().default(1),
});

export interface BinaryCrossEntropyOptions {
  /** What the loss of a positive target is multiplied by, above 0; default 1. */
  readonly positiveWeight?: number;
}

/** torch.nn.BCEWithLogitsLoss of one example: the mean over its outputs; targets are 0 … 1, one an output. */
export function binaryCrossEntropyWithLogits(options: BinaryCrossEntropyOptions = {}): Loss {
  return binaryCrossEntropyWithLogitsType.create(options);
}
