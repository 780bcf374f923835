/** The search behind calibration: the least value of a quantity that ε falls with, such that ε is within its target. */
import { type Accountant, makeAccountant, makeQuickAccountant } from "./accountant.js";
import { crossing } from "./crossing.js";
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
  const value = crossing(low, high, accuracy, (candidate) => Math.log(epsilonOf(candidate) / epsilon)).high;
  return { value, epsilon: epsilonOf(value), epsilonOf };
}
