import { z } from "zod";
import { type CrossEntropyOptions, crossEntropyOptions } from "./cross-entropy.js";
import { defineLoss, type Loss } from "./define.js";
import { type DiceOptions, diceOptions } from "./dice.js";

const weight = z.number().min(0).default(1);

export const diceCrossEntropyType = defineLoss("diceCrossEntropy", "classes", {
  ...crossEntropyOptions,
  ...diceOptions,
  crossEntropyWeight: weight,
  diceWeight: weight,
});

export interface DiceCrossEntropyOptions extends CrossEntropyOptions, DiceOptions {
  /** What the cross-entropy is multiplied by, from 0; default 1. */
  readonly crossEntropyWeight?: number;
  /** What the Dice loss is multiplied by, from 0; default 1. */
  readonly diceWeight?: number;
}

/**
 * `crossEntropyWeight`·crossEntropy + `diceWeight`·dice of one example, with the options of both. `classWeights` are the
 * cross-entropy's alone: Dice counts every class the same (as ReLayNet's loss, Roy et al. 2017).
 */
export function diceCrossEntropy(options: DiceCrossEntropyOptions = {}): Loss {
  return diceCrossEntropyType.create(options);
}
