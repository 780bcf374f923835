/** Every loss: its factory, and the registry that JSON and configuration files go by. */

import { z } from "zod";
import { preview } from "../arguments.js";
import { parseOptions } from "../layers/define.js";
import { binaryCrossEntropyWithLogitsType } from "./binary-cross-entropy.js";
import { crossEntropyType } from "./cross-entropy.js";
import type { Loss } from "./define.js";
import { diceType } from "./dice.js";
import { diceCrossEntropyType } from "./dice-cross-entropy.js";
import { meanSquaredErrorType } from "./mean-squared-error.js";

export { type BinaryCrossEntropyOptions, binaryCrossEntropyWithLogits } from "./binary-cross-entropy.js";
export { type CrossEntropyOptions, crossEntropy } from "./cross-entropy.js";
export type { Loss, LossJson } from "./define.js";
export { type DiceOptions, dice } from "./dice.js";
export { type DiceCrossEntropyOptions, diceCrossEntropy } from "./dice-cross-entropy.js";
export { meanSquaredError } from "./mean-squared-error.js";

/** The losses that JSON may name. */
export const lossTypes = [
  crossEntropyType,
  diceType,
  diceCrossEntropyType,
  binaryCrossEntropyWithLogitsType,
  meanSquaredErrorType,
] as const;

/** The JSON form of a loss: `{type: "crossEntropy", …}`. */
export const lossSchema = z.discriminatedUnion(
  "type",
  [
    crossEntropyType.schema,
    diceType.schema,
    diceCrossEntropyType.schema,
    binaryCrossEntropyWithLogitsType.schema,
    meanSquaredErrorType.schema,
  ],
  { error: (issue) => unknownType(issue.input) },
);

function unknownType(input: unknown): string {
  const type = (input as { type?: unknown } | null | undefined)?.type;
  const allowed = lossTypes.map((loss) => loss.type).join(", ");
  return `unknown loss type ${type === undefined ? "(missing)" : preview(type)}; allowed are ${allowed}`;
}

/**
 * The loss that a JSON form describes.
 * @throws TypeError naming the option, what it got and what is allowed.
 */
export function lossFromJSON(json: unknown): Loss {
  const { type, ...options } = parseOptions("loss", lossSchema, json);
  const found = lossTypes.find((loss) => loss.type === type);
  if (found === undefined) throw new TypeError(unknownType(json));
  return found.create(options);
}
