/**
 * The noise of a run, step by step. A schedule is held in at most 64 pieces of equal noise, so that accounting looks at
 * as many mechanisms and not at one a step: in each piece σ is the largest that the schedule has there. What is held is
 * what is added, and what is accounted for.
 */
import type { Schedule } from "../optimizers/schedules/index.js";
import type { NoisePiece } from "../privacy/calibrate.js";

const MOST_PIECES = 64;
/** Every step's factor is looked at before the first is taken. */
const MOST_STEPS = 100_000_000;

/** The noise multiplier's factors over all steps, in order. Throws a RangeError where a factor is not above 0. */
export function noisePieces(schedule: Schedule, steps: number, stepsPerEpoch: number): NoisePiece[] {
  if (schedule.type === "constant") return [{ factor: 1, steps }];
  checkScheduledSteps(steps);
  const exact: NoisePiece[] = [];
  const held: NoisePiece[] = [];
  for (let step = 0; step < steps; step++) {
    const factor = positiveFactor(schedule, step, steps, stepsPerEpoch);
    if (exact.length <= MOST_PIECES) extend(exact, factor);
    const piece = Math.floor((step * MOST_PIECES) / steps);
    const before = held[piece] ?? { factor: 0, steps: 0 };
    held[piece] = { factor: Math.max(before.factor, factor), steps: before.steps + 1 };
  }
  return exact.length <= MOST_PIECES ? exact : held;
}

/** Throws a RangeError where a schedule would be looked at for hours. */
export function checkScheduledSteps(steps: number): void {
  if (steps > MOST_STEPS) throw new RangeError(`${steps} steps; a schedule is for at most ${MOST_STEPS}`);
}

/** The schedule's factor of a step; a RangeError where it is not above 0. */
export function positiveFactor(schedule: Schedule, step: number, steps: number, stepsPerEpoch: number): number {
  const factor = schedule.factor(step, steps, stepsPerEpoch);
  if (Number.isFinite(factor) && factor > 0) return factor;
  throw new RangeError(`factor ${factor} at step ${step + 1} of ${steps}; each must be a finite number above 0`);
}

function extend(pieces: NoisePiece[], factor: number): void {
  const last = pieces.at(-1);
  if (last?.factor === factor) pieces[pieces.length - 1] = { factor, steps: last.steps + 1 };
  else pieces.push({ factor, steps: 1 });
}
