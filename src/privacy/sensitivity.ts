/**
 * How much one example can move the clipped sum: the one place that says so, used by noise and accountant alike.
 *
 * **Guarantee.** Adding or removing one example changes the clipped sum by at most `sensitivity(config)` in Euclidean
 * norm. Noise of standard deviation σ·sensitivity is what the accountant calls noise multiplier σ.
 */
import { checkNumber, type NumberRange } from "./check.js";

export const clipFunctions = ["abadi", "autoS", "autoV"] as const;
export const clippingStyles = ["flat", "per-layer"] as const;

/** A per-example gradient g of norm n is multiplied by the clip function's factor, group by group. */
export interface ClippingConfig {
  /** abadi: min(1, C/n); autoS: C/(n + γ); autoV: C/n, 0 for n = 0. All leave a norm of at most C. */
  readonly function: (typeof clipFunctions)[number];
  /** flat: all parameters are one group; per-layer: one group a layer with trainable parameters. */
  readonly style: (typeof clippingStyles)[number];
  /** C > 0: of the whole gradient. `per-layer` gives each of k groups C/√k, unless `thresholds` says otherwise. */
  readonly threshold: number;
  /** C by group, each > 0, instead of `threshold`. */
  readonly thresholds?: readonly number[] | undefined;
  /** γ > 0 of autoS; 0.01 by default. */
  readonly gamma?: number | undefined;
}

const positive: NumberRange = { min: 0, max: Number.MAX_VALUE, openMin: true };

/**
 * S of a configuration: C, or the Euclidean norm of the thresholds where they are given by group.
 * Throws a RangeError that names the key, what came and what is allowed.
 */
export function sensitivity(config: ClippingConfig): number {
  checkClipping(config);
  if (config.thresholds === undefined) return config.threshold;
  return Math.hypot(...config.thresholds);
}

function checkClipping(config: ClippingConfig): void {
  checkChoice("clipping.function", config.function, clipFunctions);
  checkChoice("clipping.style", config.style, clippingStyles);
  checkNumber("clipping.threshold", config.threshold, positive);
  if (config.gamma !== undefined) checkNumber("clipping.gamma", config.gamma, positive);
  const { thresholds } = config;
  if (thresholds === undefined) return;
  if (!Array.isArray(thresholds) || thresholds.length === 0) {
    throw new RangeError(`clipping.thresholds must be a list of numbers > 0, got ${JSON.stringify(thresholds)}`);
  }
  for (const [group, threshold] of thresholds.entries()) {
    checkNumber(`clipping.thresholds[${group}]`, threshold, positive);
  }
}

function checkChoice(name: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new RangeError(`${name} must be one of ${allowed.join(", ")}, got ${JSON.stringify(value)}`);
}
