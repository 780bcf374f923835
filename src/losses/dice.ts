import { z } from "zod";
import { ignoreIndex } from "./cross-entropy.js";
import { defineLoss, type Loss } from "./define.js";

export const diceOptions = {
  ignoreIndex,
  smooth: z.number().positive().default(1),
  includeBackground: z.boolean().default(true),
};

export const diceType = defineLoss("dice", "classes", diceOptions);

export interface DiceOptions {
  /** Positions with this target do not count; default −100. */
  readonly ignoreIndex?: number;
  /** Added to numerator and denominator of every class's coefficient, above 0; default 1. */
  readonly smooth?: number;
  /** Whether class 0 counts; default true. */
  readonly includeBackground?: boolean;
}

/**
 * Soft Dice loss of one example (Milletari et al. 2016): 1 − the mean over classes of
 * `(2·Σ p·[target = class] + smooth) / (Σ p + Σ [target = class] + smooth)`, sums over its positions, p from softmax of
 * the model's outputs. Every class counts the same, however few its positions. 0 for an example of ignored positions.
 */
export function dice(options: DiceOptions = {}): Loss {
  return diceType.create(options);
}
