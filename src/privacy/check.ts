/** Argument checks whose messages name the argument, what came and what is allowed. */

import { describe } from "../arguments.js";

export interface NumberRange {
  readonly min: number;
  readonly max: number;
  /** The bounds themselves are not allowed. */
  readonly openMin?: boolean;
  readonly openMax?: boolean;
  readonly integer?: boolean;
}

export const ranges = {
  /** C: far from float32's ends, where products overflow or round too coarsely for a bound. */
  threshold: { min: 1e-20, max: 1e20 },
  samplingRate: { min: 0, max: 1 },
  noiseMultiplier: { min: 0, max: 1e15 },
  steps: { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true },
  epsilon: { min: 0, max: Number.MAX_VALUE, openMin: true },
  delta: { min: 0, max: 1, openMin: true, openMax: true },
} as const satisfies Record<string, NumberRange>;

/** Says a range in words: "a number in (0, 1)", "an integer ≥ 0". */
export function describeRange(range: NumberRange): string {
  const kind = range.integer ? "an integer" : "a number";
  const unbounded = range.max === Number.MAX_SAFE_INTEGER || range.max >= Number.MAX_VALUE;
  if (unbounded) return `${kind} ${range.openMin ? ">" : "≥"} ${range.min}`;
  const most = range.max >= 1e18 ? range.max.toExponential().replace("+", "") : range.max;
  return `${kind} in ${range.openMin ? "(" : "["}${range.min}, ${most}${range.openMax ? ")" : "]"}`;
}

export function inRange(value: number, range: NumberRange): boolean {
  if (!Number.isFinite(value)) return false;
  if (range.integer && !Number.isSafeInteger(value)) return false;
  if (range.openMin ? value <= range.min : value < range.min) return false;
  return range.openMax ? value < range.max : value <= range.max;
}

/** Publishing one example at random, whole, is (0, 1/N)-differentially private: throws a RangeError unless δ is less. */
export function checkDeltaOf(name: string, delta: number, datasetSize: number): void {
  if (delta < 1 / datasetSize) return;
  throw new RangeError(
    `${name}: got ${delta}; allowed: below 1/${datasetSize}, one over the number of training examples: a ` +
      "mechanism that publishes one of them at random would be private by such a delta; take a tenth of that or less",
  );
}

/** Throws a RangeError naming `name` unless `value` is a number in `range`. */
export function checkNumber(name: string, value: number, range: NumberRange): void {
  if (typeof value === "number" && inRange(value, range)) return;
  throw new RangeError(`${name} must be ${describeRange(range)}, got ${describe(value)}`);
}
