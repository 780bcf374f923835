/**
 * What the discrete Gaussian costs beside the continuous one (docs/decisions/discrete-gaussian.md).
 *
 * A step in whole numbers adds to an integer vector of sensitivity Δ = 2³⁰ the discrete Gaussian of deviation
 * σ_Z ≥ σΔ, coordinate by coordinate. Were the noise a continuous Gaussian, rounded to integers, the step would be what the
 * accountants know, rounded: the same (ε, δ). The two noises are within a Kullback–Leibler divergence of 1/(32σ_Z⁴) a
 * coordinate; divergences add up over coordinates and steps, however these depend on each other, and by Pinsker's inequality
 * the two runs are within a total variation of τ = √(Σ 1/(32σ_Z⁴) / 2): with probability τ at most the run was not the one
 * that the accountants know, which is what they call `failure`.
 *
 * **Counts of adaptive thresholds** (count-noise.ts) are coordinates too, with grids and deviations of their own. The bound
 * depends on the noise over the grid, and takes σΔ for all: the gradients have σ_g > σ, a count's is 2σ_b, and σ_g is finite
 * only where 2σ_b > σ√K ≥ σ. Both grids divide their sensitivity into Δ units, so that σΔ is the least of all σ_Z.
 */
import type { NumberRange } from "./check.js";
import type { MechanismSteps } from "./mechanism.js";

/** Δ: the sensitivity in units of the grid; native/clipping/integer_rows.h has the same number. */
export const SENSITIVITY_UNITS = 2 ** 30;

/** σ of discrete noise: fine enough on its grid for the bound to hold, and for sums to stay within 64 bits. */
export const discreteNoiseRange: NumberRange = { min: 2 ** -20, max: 2 ** 20 };

/** More than the rounding of everything below. */
const SLACK = 1 + 2 ** -20;

/** τ: 0 where all noise is continuous, Infinity where nothing is proved. */
export function totalVariation(rows: readonly MechanismSteps[]): number {
  let sum = 0;
  for (const { discreteCoordinates, noiseMultiplier, steps, bins = 1 } of rows) {
    if (discreteCoordinates === undefined) continue;
    if (noiseMultiplier < discreteNoiseRange.min) return Number.POSITIVE_INFINITY;
    // Of random allocation each step is a cycle, which has noise in every bin.
    sum += (steps * bins * discreteCoordinates) / (noiseMultiplier * SENSITIVITY_UNITS) ** 4;
  }
  return (Math.sqrt(sum) / 8) * SLACK;
}
