import { z } from "zod";
import { checkMethods } from "../../arguments.js";
import { constantType } from "./constant.js";
import { cosineType } from "./cosine.js";
import { defineSchedule, type Schedule } from "./define.js";
import { linearType } from "./linear.js";
import { stepType } from "./step.js";

/** What may follow a warm-up. */
const followers = [constantType, stepType, linearType, cosineType] as const;
const followerSchema = z.discriminatedUnion(
  "type",
  [constantType.schema, stepType.schema, linearType.schema, cosineType.schema],
  {
    error: `expected a schedule of type ${followers.map((follower) => follower.type).join(", ")}`,
  },
);

export const linearWarmUpType = defineSchedule(
  "linearWarmUp",
  { steps: z.int().min(1), next: followerSchema.default({ type: "constant" }) },
  ({ steps, next }, stepsTaken, totalSteps) => {
    // The first step is 1/steps, not 0: a step that moves nothing is wasted noise.
    if (stepsTaken < steps) return (stepsTaken + 1) / steps;
    const { type, ...options } = next;
    const follower = followers.find((candidate) => candidate.type === type) ?? constantType;
    return follower.create(options).factor(stepsTaken - steps, totalSteps - steps);
  },
);

export interface LinearWarmUpOptions {
  /** Steps until the whole learning rate: a whole number ≥ 1. */
  readonly steps: number;
  /** What follows, counted from the end of the warm-up; default constant(). */
  readonly next?: Schedule;
}

/** Factors 1/steps, 2/steps, … 1, then another schedule. */
export function linearWarmUp(options: LinearWarmUpOptions): Schedule {
  const next = options?.next;
  if (next === undefined) return linearWarmUpType.create(options);
  checkMethods("linearWarmUp.next", next, ["toJSON"], "a schedule such as cosine()");
  return linearWarmUpType.create(options, { next: next.toJSON() });
}
