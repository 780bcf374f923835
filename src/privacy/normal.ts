/** The standard normal distribution, accurate to float64 in both tails. */
import erfcx from "@stdlib/math-base-special-erfcx";

/** φ(0): the density at its peak. */
export const DENSITY = 1 / Math.sqrt(2 * Math.PI);

/** Φ(z): the mass below z; relative accuracy in the lower tail. */
export function normalBelow(z: number): number {
  if (z === Number.NEGATIVE_INFINITY) return 0;
  const x = z / Math.SQRT2;
  if (x <= 0) return (erfcx(-x) * Math.exp(-x * x)) / 2;
  return 1 - (erfcx(x) * Math.exp(-x * x)) / 2;
}

/** A z with at most `mass` in (0, 1/2) beyond it: Φ(−z) ≤ e^(−z²/2)/2. */
export function normalReach(mass: number): number {
  return Math.sqrt(Math.max(0, -2 * Math.log(2 * mass)));
}

/** log(Φ(to) − Φ(from)), from < to, relative accuracy in both tails. */
export function logNormalBetween(from: number, to: number): number {
  if (from > 0) return logNormalBetween(-to, -from);
  const [low, high] = [logNormalBelow(from), logNormalBelow(to)];
  return high + Math.log(-Math.expm1(low - high));
}

function logNormalBelow(z: number): number {
  if (z === Number.NEGATIVE_INFINITY) return z;
  const x = z / Math.SQRT2;
  if (x > 0) return Math.log1p(-(erfcx(x) * Math.exp(-x * x)) / 2);
  return Math.log(erfcx(-x) / 2) - x * x;
}
