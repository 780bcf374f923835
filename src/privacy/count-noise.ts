/**
 * The noise on the counts of adaptive thresholds (adaptive-threshold.ts), in floating point or exact.
 *
 * **Exact.** A count Σ(1[n ≤ C] − ½) is a whole number of halves, one example being +1, −1 or (left out) 0 of them. On the
 * grid of 2⁻³¹, which divides ½ into Δ = 2³⁰ units, it is a whole number that one example moves by Δ at most, as it moves
 * the integer sum of the gradients. It gets the discrete Gaussian of deviation σ_Z = ⌈2σ_b·Δ⌉ units, so that a count has noise
 * multiplier σ_Z/Δ ≥ 2σ_b. Were all noise of the step rounded continuous noise, sums and counts together would be a
 * rounded Gaussian mechanism of multiplier (σ_g⁻² + K(2σ_b)⁻²)^(−½) = σ: the split between gradients and counts is that of
 * continuous noise. What the discrete one costs beside it is 1/(32σ_Z⁴) of divergence for each count, and each count is one
 * coordinate more (discrete-gaussian.ts). On a grid of halves themselves σ_Z would be 2σ_b, and the cost far above δ.
 */
import type { NumberRange } from "./check.js";
import { discreteNoiseRange, SENSITIVITY_UNITS } from "./discrete-gaussian.js";

/** Counts with fresh noise of the given deviation on each: after it they may be shown. Counts are whole numbers of halves. */
export type ReleaseCounts = (counts: readonly number[], deviation: number) => readonly number[];

/**
 * Noisy counts are rounded to multiples of this: the last bits of a floating-point Gaussian tell what it was added to
 * (Mironov 2012), and thresholds are shown.
 */
const COARSE_GRID = 2 ** -20;

/** `normal`: a fresh standard normal with every call, from a cryptographic generator that serves nothing else. */
export function gaussianCounts(normal: () => number): ReleaseCounts {
  return (counts, deviation) =>
    counts.map((count) => Math.round((count + deviation * normal()) / COARSE_GRID) * COARSE_GRID);
}

const UNITS_A_COUNT = 2 * SENSITIVITY_UNITS;

/** σ_b that the exact sampler and its accounting are made for. */
export const discreteCountNoiseRange: NumberRange = {
  min: discreteNoiseRange.min / 2,
  max: discreteNoiseRange.max / 2,
};

/**
 * Exact: whole numbers until the noise is on them. `draw` fills `samples` with discrete Gaussians of a deviation that is a
 * whole number below 2⁵³, from a key that serves nothing else.
 */
export function discreteCounts(draw: (deviation: number, samples: BigInt64Array) => void): ReleaseCounts {
  return (counts, deviation) => {
    const samples = new BigInt64Array(counts.length);
    draw(Math.ceil(deviation * UNITS_A_COUNT), samples);
    return counts.map((count, i) => Number(unitsOf(count) + (samples[i] as bigint)) / UNITS_A_COUNT);
  };
}

function unitsOf(count: number): bigint {
  return BigInt(2 * count) * BigInt(SENSITIVITY_UNITS);
}
