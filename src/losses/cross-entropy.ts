import { z } from "zod";
import { defineLoss, type Loss } from "./define.js";

export const ignoreIndex = z.int32().default(-100);

export const crossEntropyOptions = {
  ignoreIndex,
  labelSmoothing: z.number().min(0).max(1).default(0),
  classWeights: z.array(z.number().min(0)).nonempty().optional(),
};

export const crossEntropyType = defineLoss("crossEntropy", "classes", crossEntropyOptions);

export interface CrossEntropyOptions {
  /** Positions with this target count neither in the loss nor in its mean; default −100. */
  readonly ignoreIndex?: number;
  /** Share of the target's mass spread over all classes, 0 … 1; default 0. */
  readonly labelSmoothing?: number;
  /**
   * What a position counts, by its target: one number from 0 a class; default 1 each. They are public: weights taken
   * from the classes' frequencies in private data are outside the guarantee.
   */
  readonly classWeights?: readonly number[] | undefined;
}

/**
 * torch.nn.CrossEntropyLoss of one example: the mean over its positions that are not ignored, weighted by `classWeights`
 * (the sum divided by the sum of these positions' weights). 0 for an example in which no position counts.
 */
export function crossEntropy(options: CrossEntropyOptions = {}): Loss {
  return crossEntropyType.create(options);
}
