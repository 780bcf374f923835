import { z } from "zod";
import { defineSchedule, type Schedule } from "./define.js";

export const stepType = defineSchedule(
  "step",
  { every: z.int().min(1), factor: z.number().min(0).default(0.1) },
  ({ every, factor }, stepsTaken) => factor ** Math.floor(stepsTaken / every),
);

export interface StepOptions {
  /** Steps between two changes: a whole number ≥ 1. */
  readonly every: number;
  /** What the rate is multiplied by each time, ≥ 0; default 0.1. */
  readonly factor?: number;
}

/** torch.optim.lr_scheduler.StepLR: factor^⌊steps/every⌋. */
export function step(options: StepOptions): Schedule {
  return stepType.create(options);
}
