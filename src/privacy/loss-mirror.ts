/**
 * The privacy loss of a step on a sample of fixed size, from the half of it that lies above 0.
 *
 * With γ = b/N, P₁ and Q₁ the Gaussians that no two neighbours' outputs on all examples exceed (2S apart: one example is
 * replaced), E_α(P‖Q) = ∫(P − αQ)₊ of the sampled step is at most E_α(γP₁ + (1 − γ)Q₁‖Q₁) for α ≥ 1, and for α < 1 at
 * most E_α of the same two in the other order, 1 − α added as symmetry asks (Zhu, Dong, Wang 2022, arXiv:2106.08567,
 * theorem 11). Together these are the E_α of one pair: its losses above 0 are those of the mixture, its losses below 0
 * their mirror image, the rest lies at 0. Composing either order alone is not safe (Lebeda, Regehr, Kamath, Steinke
 * 2024, arXiv:2405.20769).
 */
import type { LossCurve } from "./loss-curve.js";
import { normalBelow } from "./normal.js";

/** log of the mass at 0: (1 − γ)·(1 − 2Φ(−z₀)), where the loss is 0 at z₀ and P₁ has there what Q₁ lacks. */
export function logCentre(curve: LossCurve): number {
  const zero = 0.5 / curve.sigma;
  return curve.floor + Math.log1p(-2 * normalBelow(-zero));
}

/**
 * Of masses of Q at losses (first + k)·spacing, `first` 0 or 1, both halves and the centre; `offset` is the lowest loss.
 * `beyond`: mass of P above the half, which is Q's below the mirror image.
 */
export function mirrored(
  curve: LossCurve,
  half: Float64Array,
  first: 0 | 1,
  spacing: number,
  beyond: number,
): { readonly offset: number; readonly logMass: Float64Array } {
  const centre = half.length - 1 + first;
  const logMass = new Float64Array(2 * centre + 1).fill(Number.NEGATIVE_INFINITY);
  for (let k = 0; k < half.length; k++) {
    const log = Math.log(half[k] as number);
    logMass[centre + k + first] = log;
    // What is Q's above is P's below.
    logMass[centre - k - first] = log + (k + first) * spacing;
  }
  logMass[0] = Math.log(Math.exp(logMass[0] as number) + beyond);
  const own = first === 0 ? 2 * (half[0] as number) : 0;
  logMass[centre] = Math.log(own + Math.exp(logCentre(curve)));
  return { offset: -centre * spacing, logMass };
}
