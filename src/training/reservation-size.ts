/**
 * How many steps to count on disk at once. Few, so that a crash costs little of the budget; as many as it takes for the
 * disk to be done with them while as many others are under way, and for the work on them to cost next to nothing.
 */
import type { TrainingPlan } from "./training-plan.js";

/** Of the steps' time, what the event loop may work on reservations: a little below a hundredth. */
const SHARE = 1 / 128;
/** The next block is begun so many times earlier than it last took to be written. */
const AHEAD = 2;
/** Of steps in milliseconds: to write more often would gain nothing. */
const SHORTEST = 1000;
/** A crash costs at most about that much work, however slow the disk. */
const LONGEST = 60_000;
/** Weight of the latest measurement. */
const SMOOTHING = 0.25;
/** Before a step has been measured. */
const FIRST = 8;

/**
 * A sixteenth of the plan: what a line of the ledger that cannot be read costs of it, and more than half of what a crash
 * costs, for the steps of two blocks may be on disk at once: docs/ledger.md.
 */
export function largestReservation({ steps }: Pick<TrainingPlan, "steps">): number {
  return Math.ceil(steps / 16);
}

/** What a reservation took, in milliseconds. */
export interface ReservationCost {
  /** Of the event loop. */
  readonly busy: number;
  /** Until it was on disk. */
  readonly whole: number;
}

export class ReservationSize {
  private stepMs: number | undefined;
  private busyMs = 0;
  private wholeMs = 0;

  /** `largest`: no reservation is of more steps. */
  constructor(private readonly largest: number) {}

  /** Steps of the next one. */
  next(): number {
    const { stepMs, busyMs, wholeMs, largest } = this;
    if (stepMs === undefined) return Math.min(largest, FIRST);
    const wanted = Math.min(LONGEST, Math.max(SHORTEST, busyMs / SHARE, 2 * AHEAD * wholeMs));
    return Math.max(1, Math.min(largest, Math.ceil(wanted / stepMs)));
  }

  /** How many steps before the end of a block of `block` steps the next is begun: in its middle, or earlier on a slow disk. */
  lead(block: number): number {
    const { stepMs, wholeMs } = this;
    const slow = stepMs === undefined ? 1 : Math.ceil((AHEAD * wholeMs) / stepMs);
    return Math.min(block, Math.max(Math.ceil(block / 2), slow));
  }

  /** A step took so long. */
  step(milliseconds: number): void {
    this.stepMs = smoothed(this.stepMs, Math.max(milliseconds, 1e-3));
  }

  cost({ busy, whole }: ReservationCost): void {
    this.busyMs = smoothed(this.busyMs, busy);
    this.wholeMs = smoothed(this.wholeMs, whole);
  }
}

function smoothed(before: number | undefined, now: number): number {
  return before ? before + SMOOTHING * (now - before) : now;
}
