/** Every optimizer: its factory, and the registry that JSON and configuration files go by. */

import { z } from "zod";
import { preview } from "../arguments.js";
import { parseOptions } from "../layers/define.js";
import { adagradType } from "./adagrad.js";
import { adamType, adamwType } from "./adam.js";
import type { Optimizer } from "./define.js";
import { dpAdamBCType } from "./dp-adam-bc.js";
import { rmspropType } from "./rmsprop.js";
import { sgdType } from "./sgd.js";

export { type AdagradOptions, adagrad } from "./adagrad.js";
export { type AdamOptions, adam, adamw } from "./adam.js";
export type { Optimizer, OptimizerJson } from "./define.js";
export { type DpAdamBCOptions, dpAdamBC } from "./dp-adam-bc.js";
export { type RmspropOptions, rmsprop } from "./rmsprop.js";
export { type SgdOptions, sgd } from "./sgd.js";

/** The optimizers that JSON may name. */
export const optimizerTypes = [sgdType, adamType, adamwType, rmspropType, adagradType, dpAdamBCType] as const;

/** The JSON form of an optimizer: `{type: "sgd", learningRate: 0.5, …}`. */
export const optimizerSchema = z.discriminatedUnion(
  "type",
  [sgdType.schema, adamType.schema, adamwType.schema, rmspropType.schema, adagradType.schema, dpAdamBCType.schema],
  { error: (issue) => unknownType(issue.input) },
);

function unknownType(input: unknown): string {
  const type = (input as { type?: unknown } | null | undefined)?.type;
  const allowed = optimizerTypes.map((optimizer) => optimizer.type).join(", ");
  return `unknown optimizer type ${type === undefined ? "(missing)" : preview(type)}; allowed are ${allowed}`;
}

/**
 * The optimizer that a JSON form describes.
 * @throws TypeError naming the option, what it got and what is allowed.
 */
export function optimizerFromJSON(json: unknown): Optimizer {
  const { type, ...options } = parseOptions("optimizer", optimizerSchema, json);
  const found = optimizerTypes.find((optimizer) => optimizer.type === type);
  if (found === undefined) throw new TypeError(unknownType(json));
  return found.create(options);
}
