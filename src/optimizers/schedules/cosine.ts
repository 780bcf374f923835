import { z } from "zod";
import { defineSchedule, type Schedule } from "./define.js";

export const cosineType = defineSchedule(
  "cosine",
  { final: z.number().min(0).max(1).default(0) },
  ({ final }, stepsTaken, totalSteps) => {
    const done = totalSteps > 0 ? Math.min(1, stepsTaken / totalSteps) : 1;
    return final + ((1 - final) * (1 + Math.cos(Math.PI * done))) / 2;
  },
);

export interface CosineOptions {
  /** The factor after the last step, 0 … 1; default 0. */
  readonly final?: number;
}

/** torch.optim.lr_scheduler.CosineAnnealingLR over all steps: half a cosine from 1 to `final`. */
export function cosine(options: CosineOptions = {}): Schedule {
  return cosineType.create(options);
}
