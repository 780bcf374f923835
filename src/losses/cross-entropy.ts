import { z } from "zod";
import { defineLoss, type Loss } from "./define.js";

export const crossEntropyType = defineLoss("crossEntropy", "classes", {
  ignoreIndex: z.int32().default(-100),
  labelSmoothing: z.number().min(0).max(1).default(0),
});

export interface CrossEntropyOptions {
  /** Positions with this target count neither in the loss nor in its mean; default −100. */
  readonly ignoreIndex?: number;
  /** Share of the target's mass spread over all classes, 0 … 1; default 0. */
  readonly labelSmoothing?: number;
}

/** torch.nn.CrossEntropyLoss of one example: the mean over its positions that are not ignored. */
export function crossEntropy(options: CrossEntropyOptions = {}): Loss {
  return crossEntropyType.create(options);
}
