/** Rounding outwards: what is shown of ε or needed of σ is never below what was computed. */

/** What a float64 operation is off by at most, of its result. */
export const UNIT = 2 ** -53;

/** The smallest number with `digits` significant decimal digits that is at least `value` ≥ 0. */
export function roundUp(value: number, digits: number): number {
  const nearest = Number(value.toPrecision(digits));
  if (nearest >= value) return nearest;
  const unit = 10 ** (Math.floor(Math.log10(value)) + 1 - digits);
  return Number((nearest + unit).toPrecision(digits));
}

/** The largest number with `digits` significant decimal digits that is at most `value` ≥ 0. */
export function roundDown(value: number, digits: number): number {
  const nearest = Number(value.toPrecision(digits));
  if (nearest <= value) return nearest;
  const unit = 10 ** (Math.floor(Math.log10(value)) + 1 - digits);
  return Number((nearest - unit).toPrecision(digits));
}
