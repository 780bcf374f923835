/**
 * How often, and how closely, one example takes part, and how much it can then move C·G, G the clipped sums step by step.
 *
 * An example with gradients of length at most 1 at steps i₁ < i₂ < … moves row t of C·G by at most v_t = Σ_i |c_{t−i}|, c being C's
 * first column. The rows are looked at in windows of k steps, so that what was spent is known wherever a run stops; the
 * squares of all windows together are those of the run's sensitivity.
 *
 * Let c̄ be c, or where c has a negative or rising coefficient the smallest non-increasing sequence above |c|. **At least k
 * apart** (`cyclic`, `separated`): two rows of a window never lie equally far behind their latest participation, so that with
 * F_m(o) = Σ_{j ≤ m} c̄_{o+jk}, which falls with o, window m's rows have Σ v² ≤ Σ_{o<k} F_m(o)². Participation at steps 0, k, 2k, …
 * reaches it in every window: for such c the sum is the sensitivity itself (Kalinin & Lampert 2024, arXiv:2405.13763,
 * theorem 2). **Once in each cycle of k** (`once-a-cycle`): the participation d cycles back lies at least
 * τ + 1 + (d − 1)k steps behind row τ of the window, whence v ≤ c̄_{τ−i} + Σ_d c̄_{τ+1+(d−1)k}, whose square is largest for i = 0: a
 * bound, and exact in the first cycle.
 */
import { checkChoice, checkObject } from "../arguments.js";
import { checkNumber, ranges } from "../privacy/check.js";
import { sumOfSquares } from "./series.js";

const patterns = ["cyclic", "separated", "once-a-cycle"] as const;

export interface Participation {
  /**
   * cyclic: at steps of one residue modulo `steps`, whichever process takes them; separated: `steps` apart, or further, within
   * a process; once-a-cycle: once at most in each cycle of `steps` that a process begins.
   */
  readonly pattern: (typeof patterns)[number];
  readonly steps: number;
}

/** @throws TypeError, RangeError. */
export function checkParticipation(participation: Participation): void {
  checkObject("participation", participation, "an object of pattern, steps, as makeSampling() says it");
  checkChoice("participation.pattern", participation.pattern, patterns);
  checkNumber("participation.steps", participation.steps, { ...ranges.steps, min: 1 });
}

/** More than the rounding of sums of squares. */
export const ROUNDING = 1 + 2 ** -30;

/**
 * The squared norm that one example can add to each window of `participation.steps` rows, at most, in order, over `steps` rows
 * in all. `column`: C's first column as far as it is not 0, at most `steps` long.
 */
export function windowSquares(column: Float64Array, steps: number, participation: Participation): Float64Array {
  const length = participation.steps;
  const squares = new Float64Array(Math.ceil(steps / length));
  if (participation.pattern !== "once-a-cycle" && column.length <= length) {
    // No row sees two participations: each counts with its own column, whatever the signs.
    return squares.fill(sumOfSquares(column) * ROUNDING);
  }
  const bound = nonIncreasing(column);
  const reach = new Float64Array(Math.min(length, steps)); // Σ of what earlier participations add to each row
  const own = participation.pattern === "once-a-cycle" ? bound : new Float64Array(0);
  for (let m = 0; m < squares.length; m++) {
    const rows = Math.min(length, steps - m * length);
    const from = own.length > 0 ? (m - 1) * length + 1 : m * length;
    // No participation lies before the first window.
    if ((own.length === 0 || m > 0) && from >= 0 && from < bound.length) addFrom(reach, bound, from);
    let square = 0;
    for (let o = 0; o < rows; o++) square += ((reach[o] as number) + (own[o] ?? 0)) ** 2;
    squares[m] = square * ROUNDING;
  }
  return squares;
}

/** Of the run: the square root of all windows' together. */
export function sensitivityOf(column: Float64Array, steps: number, participation: Participation): number {
  return Math.sqrt(windowSquares(column, steps, participation).reduce((sum, square) => sum + square, 0));
}

function addFrom(to: Float64Array, values: Float64Array, from: number): void {
  const count = Math.min(to.length, values.length - from);
  for (let o = 0; o < count; o++) to[o] = (to[o] as number) + (values[from + o] as number);
}

/** The smallest non-increasing sequence that is nowhere below |values|. */
function nonIncreasing(values: Float64Array): Float64Array {
  const result = new Float64Array(values.length);
  let most = 0;
  for (let i = values.length - 1; i >= 0; i--) {
    most = Math.max(most, Math.abs(values[i] as number));
    result[i] = most;
  }
  return result;
}
