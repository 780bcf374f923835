/**
 * The Gaussian mechanism without sampling, exactly: Balle, Wang, "Improving the Gaussian Mechanism", 2018
 * (arXiv:1805.06530). T steps of noise multipliers σ_t together are one step with μ² = Σ σ_t⁻².
 */
import erfcx from "@stdlib/math-base-special-erfcx";
import { checkNumber, ranges } from "./check.js";

/** ε between two values that differ by rounding alone. */
export function gaussianInterval(mu: number, delta: number): { readonly lower: number; readonly upper: number } {
  // δ(ε) is a difference of two erfcx that lie μ·√2 apart: their last bits weigh the more the smaller μ is.
  const rounding = 2 ** -40 + 2 ** -46 / Math.min(1, mu);
  const upper = rounding < 0.5 ? epsilonOfGaussian(mu, delta * (1 - rounding)) : Number.POSITIVE_INFINITY;
  return {
    lower: Math.min(upper, epsilonOfGaussian(mu, Math.min(delta * (1 + rounding), 1 - 2 ** -53)) * (1 - 2e-12)),
    upper,
  };
}

/** The ε at `delta` in (0, 1) of the Gaussian mechanism with sensitivity over deviation `mu` ≥ 0. */
export function epsilonOfGaussian(mu: number, delta: number): number {
  checkNumber("delta", delta, ranges.delta);
  if (mu === Number.POSITIVE_INFINITY) return mu;
  if (mu === 0 || deltaOfGaussian(mu, 0) <= delta) return 0;
  let high = 1;
  while (deltaOfGaussian(mu, high) > delta) high *= 2;
  let low = 0;
  while (high - low > 1e-12 * high) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (deltaOfGaussian(mu, middle) > delta) low = middle;
    else high = middle;
  }
  return high;
}

/** δ(ε) = Φ(−ε/μ + μ/2) − e^ε·Φ(−ε/μ − μ/2), by erfcx so that neither factor overflows. */
function deltaOfGaussian(mu: number, epsilon: number): number {
  const a = (epsilon / mu - mu / 2) / Math.SQRT2;
  const b = (epsilon / mu + mu / 2) / Math.SQRT2;
  const scale = Math.exp(-a * a) / 2;
  if (a >= 0) return scale * (erfcx(a) - erfcx(b));
  return 1 - scale * (erfcx(-a) + erfcx(b));
}
