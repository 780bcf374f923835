/**
 * How much noise a privacy target needs.
 *
 * @example
 * calibrateNoise({ samplingRate: 256 / 60_000, steps: 3516, epsilon: 2, delta: 1e-5 }); // 0.74…
 */
import { defaultAccountant, makeAccountant, makeQuickAccountant } from "./accountant.js";
import { checkNumber, type NumberRange, ranges } from "./check.js";
import type { MechanismSteps } from "./mechanism.js";
import { roundUp } from "./rounding.js";

export interface CalibrationTarget {
  /** q in (0, 1]. */
  readonly samplingRate: number;
  /** T ≥ 1. */
  readonly steps: number;
  /** Where noise varies: steps by the factor of their noise multiplier, T in all; by default all have factor 1. */
  readonly pieces?: readonly NoisePiece[] | undefined;
  /** Target ε > 0. */
  readonly epsilon: number;
  /** δ in (0, 1). */
  readonly delta: number;
}

/** Steps whose noise multiplier is `factor` × the base. */
export interface NoisePiece {
  /** In `noiseFactorRange`. */
  readonly factor: number;
  readonly steps: number;
}

export const noiseFactorRange: NumberRange = { min: 0, max: 1e9, openMin: true };

const LARGEST_NOISE = 2 ** 20;
const SMALLEST_NOISE = 2 ** -10;
const DIGITS = 6;

/** How many per one are left open: more where each ε takes long, and jumps by its gap. */
const CHEAP = 1e-7;
const DEAR = 1e-5;

/**
 * The smallest noise multiplier, rounded up to six significant digits, for which the accountant of that name proves ε at δ;
 * with prv, to 1e-5. Throws a RangeError on values out of range and where no noise up to 2²⁰ is enough, saying which ε is
 * within reach.
 */
export function calibrateNoise(target: CalibrationTarget, accountant: string = defaultAccountant): number {
  checkTarget(target);
  const exact = makeAccountant(accountant);
  if (!exact.upperBound) {
    throw new RangeError(`accountant ${accountant} may under-report ε; noise is calibrated with prv or rdp`);
  }
  if (accountant === "rdp") return calibrate(target, (rows) => exact.epsilonWith(rows, target.delta), CHEAP);
  const quick = makeQuickAccountant(accountant);
  const guess = calibrate(target, (rows) => quick.epsilonWith(rows, target.delta), 1e-3);
  return calibrate(target, (rows) => exact.epsilonWith(rows, target.delta), DEAR, guess);
}

/** `guess`: where to look, from a bound that is a little larger. */
function calibrate(
  target: CalibrationTarget,
  epsilonOfRows: (rows: MechanismSteps[]) => number,
  accuracy: number,
  guess?: number,
): number {
  const { samplingRate, steps, pieces = [{ factor: 1, steps }] } = target;
  const epsilonOf = (noiseMultiplier: number): number =>
    epsilonOfRows(
      pieces.map((piece) => ({ samplingRate, noiseMultiplier: noiseMultiplier * piece.factor, steps: piece.steps })),
    );
  const widen = guess === undefined ? 2 : 1.02;
  let high = guess ?? 1;
  while (epsilonOf(high) > target.epsilon) {
    if (high >= LARGEST_NOISE) throw unreachable(target, epsilonOf(high));
    high *= widen;
  }
  let low = high / widen;
  while (low > SMALLEST_NOISE && epsilonOf(low) <= target.epsilon) {
    high = low;
    low /= widen;
  }
  const enough = smallestWithin(low, high, accuracy, (noise) => Math.log(epsilonOf(noise) / target.epsilon));
  const rounded = roundUp(enough, DIGITS);
  return epsilonOf(rounded) <= target.epsilon ? rounded : enough;
}

/**
 * Where the falling function `excess` comes down to 0, to `accuracy` of the value and on the side where it is ≤ 0: false position
 * with the Illinois rule, a third of bisection's evaluations. `excess(high)` ≤ 0.
 */
function smallestWithin(low: number, high: number, accuracy: number, excess: (value: number) => number): number {
  const ends = { low, high, below: excess(low), above: excess(high) };
  if (ends.below <= 0) return low;
  let last = 0;
  for (let taken = 1; ends.high - ends.low > accuracy * ends.high; taken++) {
    // A halving now and then, so that no shape of the curve keeps the bracket open.
    const value = taken % 4 === 0 ? (ends.low + ends.high) / 2 : between(ends, accuracy);
    const found = excess(value);
    const side = found <= 0 ? 1 : -1;
    // The end that stays twice in a row is held too far out: half its weight brings it in.
    if (side === 1) Object.assign(ends, { high: value, above: found, below: last === 1 ? ends.below / 2 : ends.below });
    else Object.assign(ends, { low: value, below: found, above: last === -1 ? ends.above / 2 : ends.above });
    last = side;
  }
  return ends.high;
}

/** The line's zero, a little off the ends so that the bracket closes; the middle where an end is infinite. */
function between(
  { low, high, below, above }: Readonly<Record<"low" | "high" | "below" | "above", number>>,
  accuracy: number,
): number {
  if (!Number.isFinite(below - above)) return (low + high) / 2;
  const zero = low + (high - low) * (below / (below - above));
  const off = Math.min(0.5 * accuracy * high, (high - low) / 2);
  return Math.min(Math.max(zero, low + off), high - off);
}

function checkTarget({ samplingRate, steps, epsilon, delta, pieces = [] }: CalibrationTarget): void {
  checkNumber("samplingRate", samplingRate, { ...ranges.samplingRate, openMin: true });
  checkNumber("steps", steps, { ...ranges.steps, min: 1 });
  checkNumber("epsilon", epsilon, ranges.epsilon);
  checkNumber("delta", delta, ranges.delta);
  for (const piece of pieces) checkNumber("pieces: factor", piece.factor, noiseFactorRange);
  const planned = pieces.reduce((sum, piece) => sum + piece.steps, 0);
  if (pieces.length > 0 && planned !== steps) throw new RangeError(`pieces: got ${planned} steps, expected ${steps}`);
}

function unreachable({ samplingRate, steps, epsilon, delta }: CalibrationTarget, smallest: number): RangeError {
  return new RangeError(
    `epsilon ${epsilon} at delta ${delta} cannot be proven for ${steps} steps at sampling rate ${samplingRate}: ` +
      `even noise multiplier ${LARGEST_NOISE} gives epsilon ${smallest.toPrecision(4)}; ` +
      "raise epsilon or delta, or take fewer steps or a smaller sampling rate",
  );
}
