/** False position with the Illinois rule: a third of bisection's evaluations. */

export interface Bracket {
  readonly low: number;
  readonly high: number;
}

/**
 * Where the falling function `excess` comes down to 0, to `accuracy` of the value: it is ≤ 0 at the bracket's high end, above
 * at its low end. `excess(high)` ≤ 0; where `excess(low)` is too, both ends are `low`.
 */
export function crossing(low: number, high: number, accuracy: number, excess: (value: number) => number): Bracket {
  const ends = { low, high, below: excess(low), above: excess(high) };
  if (ends.below <= 0) return { low, high: low };
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
  return { low: ends.low, high: ends.high };
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
