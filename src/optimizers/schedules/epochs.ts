import { z } from "zod";
import { defineSchedule, type Schedule } from "./define.js";

export const epochsType = defineSchedule(
  "epochs",
  { factors: z.array(z.number().min(0)).min(1) },
  ({ factors }, stepsTaken, _totalSteps, stepsPerEpoch) =>
    factors[Math.min(Math.floor(stepsTaken / stepsPerEpoch), factors.length - 1)] as number,
);

export interface EpochsOptions {
  /** By epoch, each ≥ 0; the last holds for the epochs that follow. */
  readonly factors: readonly number[];
}

/** A factor for every epoch, written out. */
export function epochs(options: EpochsOptions): Schedule {
  return epochsType.create(options);
}
