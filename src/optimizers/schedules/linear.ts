import { z } from "zod";
import { defineSchedule, type Schedule } from "./define.js";

export const linearType = defineSchedule(
  "linear",
  { final: z.number().min(0).default(0) },
  ({ final }, stepsTaken, totalSteps) => {
    const done = totalSteps > 0 ? Math.min(1, stepsTaken / totalSteps) : 1;
    return 1 + (final - 1) * done;
  },
);

export interface LinearOptions {
  /** The factor after the last step, ≥ 0; default 0. */
  readonly final?: number;
}

/** A straight line from 1 to `final` over all steps. */
export function linear(options: LinearOptions = {}): Schedule {
  return linearType.create(options);
}
