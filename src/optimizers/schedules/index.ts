/** Every schedule, of a learning rate, a clipping threshold or a noise multiplier: its factory, and the registry that JSON and configuration files go by. */

import { z } from "zod";
import { preview } from "../../arguments.js";
import { parseOptions } from "../../layers/define.js";
import { constantType } from "./constant.js";
import { cosineType } from "./cosine.js";
import type { Schedule } from "./define.js";
import { epochsType } from "./epochs.js";
import { linearType } from "./linear.js";
import { linearWarmUpType } from "./linear-warm-up.js";
import { stepType } from "./step.js";

export { constant } from "./constant.js";
export { type CosineOptions, cosine } from "./cosine.js";
export type { Schedule, ScheduleJson } from "./define.js";
export { type EpochsOptions, epochs } from "./epochs.js";
export { type LinearOptions, linear } from "./linear.js";
export { type LinearWarmUpOptions, linearWarmUp } from "./linear-warm-up.js";
export { type StepOptions, step } from "./step.js";

/** The schedules that JSON may name. */
export const scheduleTypes = [constantType, stepType, linearType, cosineType, epochsType, linearWarmUpType] as const;

/** The JSON form of a schedule: `{type: "cosine", final: 0.1}`. */
export const scheduleSchema = z.discriminatedUnion(
  "type",
  [
    constantType.schema,
    stepType.schema,
    linearType.schema,
    cosineType.schema,
    epochsType.schema,
    linearWarmUpType.schema,
  ],
  { error: (issue) => unknownType(issue.input) },
);

function unknownType(input: unknown): string {
  const type = (input as { type?: unknown } | null | undefined)?.type;
  const allowed = scheduleTypes.map((schedule) => schedule.type).join(", ");
  return `unknown schedule type ${type === undefined ? "(missing)" : preview(type)}; allowed are ${allowed}`;
}

/**
 * The schedule that a JSON form describes.
 * @throws TypeError naming the option, what it got and what is allowed.
 */
export function scheduleFromJSON(json: unknown): Schedule {
  const { type, ...options } = parseOptions("schedule", scheduleSchema, json);
  const found = scheduleTypes.find((schedule) => schedule.type === type);
  if (found === undefined) throw new TypeError(unknownType(json));
  return found.create(options);
}
