/** The search behind calibration: the least value of a quantity that ε falls with, such that ε is within its target. */
import { type Accountant, makeAccountant, makeQuickAccountant } from "./accountant.js";
import type { MechanismSteps } from "./mechanism.js";

export interface Search {
  /** The steps at a value of the quantity. */
  readonly rowsOf: (value: number) => readonly MechanismSteps[];
  readonly epsilon: number;
  readonly delta: number;
  /** Where to look. */
  readonly least: number;
  readonly most: number;
}

export interface Found {
  /** Undefined where even `most` is not enough. */
  readonly value: number | undefined;
  /** At `value`, or at `most`. */
  readonly epsilon: number;
  readonly epsilonOf: (value: number) => number;
}

/** How many per one are left open: more where each ε takes long, and jumps by its gap. */
const CHEAP = 1e-7;
const DEAR = 1e-5;
const ROUGH = 1e-3;

/** Throws a RangeError where the accountant proves nothing. */
export function leastValue(search: Search, accountant: string): Found {
  const exact = makeAccountant(accountant);
  if (!exact.upperBound) {
    throw new RangeError(`accountant ${accountant} may under-report ε; noise is calibrated with prv or rdp`);
  }
  const epsilonOf = (value: number) => exact.epsilonWith(search.rowsOf(value), search.delta);
  if (accountant === "rdp") return find(search, epsilonOf, CHEAP, 1, 2);
  // Moments' answer is a little too large, and that of a quick bound less so: places to begin.
  const guessBy = (guide: Accountant, start: number, widen: number) =>
    find(search, (value) => guide.epsilonWith(search.rowsOf(value), search.delta), ROUGH, start, widen).value;
  const byMoments = guessBy(makeAccountant("rdp"), 1, 2);
  if (byMoments === undefined) return find(search, epsilonOf, DEAR, 1, 2);
  const guess = guessBy(makeQuickAccountant(accountant), byMoments, 1.1);
  return guess === undefined
    ? find(search, epsilonOf, DEAR, byMoments, 1.1)
    : find(search, epsilonOf, DEAR, guess, 1.02);
}

function find(
  search: Search,
  epsilonOf: (value: number) => number,
  accuracy: number,
  start: number,
  widen: number,
): Found {
  const { epsilon, least, most } = search;
  let high = Math.max(start, least);
  for (let factor = widen; epsilonOf(high) > epsilon; factor = Math.min(2, factor * factor)) {
    if (high >= most) return { value: undefined, epsilon: epsilonOf(high), epsilonOf };
    high = Math.min(most, high * factor);
  }
  let low = high;
  for (let factor = widen; low > least && epsilonOf(low) <= epsilon; factor = Math.min(2, factor * factor)) {
    high = low;
    low = Math.max(least, low / factor);
  }
  const value = smallestWithin(low, high, accuracy, (candidate) => Math.log(epsilonOf(candidate) / epsilon));
  return { value, epsilon: epsilonOf(value), epsilonOf };
}

/**
 * Where the falling function `excess` comes down to 0, to `accuracy` of the value and on the side where it is ≤ 0:
 * false position with the Illinois rule, a third of bisection's evaluations. `excess(high)` ≤ 0.
 */
function smallestWithin(low: number, high: number, accuracy: number, excess: (value: number) => number): number {
  const ends = { low, high, below: excess(low), above: excess(high) };
  if (ends.below <= 0) return low;
  let last = 0;
  // Enough too where the line through the ends says that less than that is to be gained.
  const isFar = () => ends.high - Math.max(ends.low, zeroOf(ends)) > accuracy * ends.high;
  for (let taken = 1; ends.high - ends.low > accuracy * ends.high && isFar(); taken++) {
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

type Ends = Readonly<Record<"low" | "high" | "below" | "above", number>>;

/** Of the line through both ends; the lower one where that is none. */
function zeroOf({ low, high, below, above }: Ends): number {
  return Number.isFinite(below - above) ? low + (high - low) * (below / (below - above)) : low;
}

/** The line's zero, a little off the ends so that the bracket closes; the middle where an end is infinite. */
function between(ends: Ends, accuracy: number): number {
  const { low, high, below, above } = ends;
  if (!Number.isFinite(below - above)) return (low + high) / 2;
  const off = Math.min(0.5 * accuracy * high, (high - low) / 2);
  return Math.min(Math.max(zeroOf(ends) + 0.3 * accuracy * high, low + off), high - off);
}
