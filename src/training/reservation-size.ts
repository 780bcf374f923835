/**
 * How many steps to count on disk at once. Few, so that a crash costs little of the budget; as many as it takes for the
 * disk to cost less than a hundredth of the steps' time.
 */
import type { TrainingPlan } from "./training-plan.js";

/** Of the steps' time, a little below a hundredth: the first reservations are made before anything is measured. */
const SHARE = 1 / 128;
/** Of steps in milliseconds: to write more often would gain nothing. */
const SHORTEST = 1000;
/** A crash costs at most that much work, however slow the disk. */
const LONGEST = 60_000;
/** Weight of the latest measurement. */
const SMOOTHING = 0.25;

/** An eighth of the plan: what a crash, or a line of the ledger that cannot be read, costs of it at most. */
export function largestReservation({ steps }: Pick<TrainingPlan, "steps">): number {
  return Math.ceil(steps / 8);
}

export class ReservationSize {
  private stepMs: number | undefined;
  private costMs: number | undefined;

  /** `largest`: no reservation is of more steps. */
  constructor(private readonly largest: number) {}

  /** Steps of the next one: 1 until a step has been measured. */
  next(): number {
    const { stepMs, costMs = 0 } = this;
    if (stepMs === undefined) return 1;
    const wanted = Math.min(LONGEST, Math.max(SHORTEST, costMs / SHARE));
    return Math.max(1, Math.min(this.largest, Math.ceil(wanted / stepMs)));
  }

  /** A step took so long. */
  step(milliseconds: number): void {
    this.stepMs = smoothed(this.stepMs, Math.max(milliseconds, 1e-3));
  }

  /** A reservation took so long. */
  cost(milliseconds: number): void {
    this.costMs = smoothed(this.costMs, milliseconds);
  }
}

function smoothed(before: number | undefined, now: number): number {
  return before === undefined ? now : before + SMOOTHING * (now - before);
}
