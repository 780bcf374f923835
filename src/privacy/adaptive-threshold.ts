/**
 * Thresholds that follow a private quantile of the gradients' norms: Andrew, Thakkar, McMahan, Ramaswamy,
 * "Differentially Private Learning with Adaptive Clipping", 2021 (arXiv:1905.03871).
 *
 * With every step, each of K groups counts the examples whose norm n is at most its threshold C, half a unit to one
 * side or the other, and the count is released with Gaussian noise of deviation σ_b (count-noise.ts: in floating point, or
 * where the gradients' noise is discrete, in whole numbers):
 *
 *     c̃ = ½ + [Σ_sampled (1[n ≤ C] − ½) + N(0, σ_b²)] / (q·N)        C ← C·exp(−η(c̃ − γ))
 *
 * **Guarantee.** One example moves each group's count by ½ at most: by ½ where it is clipped, by ½ where it is not, and by
 * nothing where it is left out (its loss or gradient is not finite: it then counts on neither side, in no group). So the
 * K counts together have sensitivity √K/2, and noise multiplier 2σ_b/√K. They are released beside the gradients, from
 * the same sample: two Gaussian mechanisms of multipliers σ_g and 2σ_b/√K together are one of multiplier
 * (σ_g⁻² + K(2σ_b)⁻²)^(−½). The accountant counts σ; the gradients get σ_g = (σ⁻² − K(2σ_b)⁻²)^(−½) > σ. Thresholds are
 * computed from the noisy counts alone, so that they may be shown as the model may.
 */
import { checkNumber, type NumberRange } from "./check.js";
import type { ReleaseCounts } from "./count-noise.js";

export interface AdaptiveConfig {
  /** γ in (0, 1): the share of norms that shall be at most C; 0.5 by default. */
  readonly quantile?: number | undefined;
  /** η > 0: of the threshold's logarithm; 0.2 by default. */
  readonly learningRate?: number | undefined;
  /** σ_b > 0: standard deviation of the noise on each count; a twentieth of the expected batch size by default. Up to 2¹⁹ beside discrete noise. */
  readonly countNoise?: number | undefined;
}

/** The configuration with its defaults, for an expected batch size. */
export interface AdaptiveRule {
  readonly quantile: number;
  readonly learningRate: number;
  readonly countNoise: number;
  /** q·N. */
  readonly expectedBatchSize: number;
}

const limits = {
  quantile: { min: 0, max: 1, openMin: true, openMax: true },
  learningRate: { min: 0, max: 100, openMin: true },
  countNoise: { min: 0, max: 1e15, openMin: true },
} as const satisfies Record<keyof AdaptiveConfig, NumberRange>;

/** More than float64 can lose in σ_g, which must not come out too small. */
const ROUNDING = 2 ** -48;

/** A threshold stays within this factor of where it began: counts of tiny batches are all noise. */
const MOST_CHANGE = 1e9;

/** Throws a RangeError naming the key, what came and what is allowed. */
export function checkAdaptive(config: AdaptiveConfig): void {
  if (typeof config !== "object" || config === null) {
    throw new RangeError(
      `clipping.adaptive must be {quantile, learningRate, countNoise}, got ${JSON.stringify(config)}`,
    );
  }
  for (const key of Object.keys(config)) {
    if (!Object.hasOwn(limits, key)) {
      throw new RangeError(`clipping.adaptive.${key} is not known; allowed: ${Object.keys(limits).join(", ")}`);
    }
    const value = config[key as keyof AdaptiveConfig];
    if (value !== undefined) checkNumber(`clipping.adaptive.${key}`, value, limits[key as keyof AdaptiveConfig]);
  }
}

export function adaptiveRule(config: AdaptiveConfig, expectedBatchSize: number): AdaptiveRule {
  const { quantile = 0.5, learningRate = 0.2, countNoise = expectedBatchSize / 20 } = config;
  return { quantile, learningRate, countNoise, expectedBatchSize };
}

/** How much one example can move the vector of `groups` counts. */
export function countSensitivity(groups: number): number {
  return Math.sqrt(groups) / 2;
}

/**
 * σ_g: the gradients' noise multiplier, so that gradients and counts together are what the accountant calls σ. 0 for
 * σ = 0. Throws a RangeError where the counts alone spend more than σ allows.
 */
export function gradientNoiseMultiplier(noiseMultiplier: number, countNoise: number, groups: number): number {
  if (noiseMultiplier === 0) return 0;
  const least = noiseMultiplier * countSensitivity(groups);
  const left = 1 - (least / countNoise) ** 2;
  if (left <= 4 * ROUNDING) {
    throw new RangeError(
      `clipping.adaptive.countNoise: got ${countNoise}, allowed: a number above ${least} (σ·√K/2 for noise multiplier ` +
        `${noiseMultiplier} and ${groups} group(s)): less noise on the counts leaves nothing for the gradients`,
    );
  }
  return (noiseMultiplier / Math.sqrt(left)) * (1 + ROUNDING / left);
}

/** What a step counted, by group: outside the guarantee until noise is added. */
export interface NormCounts {
  /** Examples with a norm of at most the threshold, by group. */
  readonly within: readonly number[];
  /** Examples that were not left out. */
  readonly examples: number;
}

/** The next step's thresholds. `release`: puts the noise on the counts. `start`: the thresholds of the first step. */
export function nextThresholds(
  rule: AdaptiveRule,
  thresholds: readonly number[],
  start: readonly number[],
  counts: NormCounts,
  release: ReleaseCounts,
): number[] {
  const noisy = release(
    thresholds.map((_, group) => (counts.within[group] ?? 0) - counts.examples / 2),
    rule.countNoise,
  );
  return thresholds.map((threshold, group) => {
    const share = 0.5 + (noisy[group] as number) / rule.expectedBatchSize;
    const next = threshold * Math.exp(-rule.learningRate * (share - rule.quantile));
    const first = start[group] ?? threshold;
    return Math.min(Math.max(next, first / MOST_CHANGE), first * MOST_CHANGE);
  });
}
