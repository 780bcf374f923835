/** The thresholds of a session, step by step: as configured, times a schedule's factor, or following a private quantile. */

import { describe } from "../arguments.js";
import type { BatchStatistics } from "../native/binding.js";
import { type AdaptiveRule, gradientNoiseMultiplier, nextThresholds } from "../privacy/adaptive-threshold.js";
import { checkNumber, type NumberRange, ranges } from "../privacy/check.js";
import type { ReleaseCounts } from "../privacy/count-noise.js";
import { type ClippingConfig, euclideanNorm, sensitivity } from "../privacy/sensitivity.js";

/** What is in force in one step; public, or (adaptive) computed from what was released with noise. */
export interface StepThresholds {
  /** C by group. */
  readonly thresholds: readonly number[];
  /** Their Euclidean norm: C of the whole gradient. */
  readonly threshold: number;
}

/** Of a schedule's factor. */
export const thresholdFactorRange: NumberRange = { min: 0, max: 1e15, openMin: true };

export class ClippingState {
  private current: readonly number[];

  /** `start`: the configured thresholds by group; `rule`: where they follow a quantile. */
  constructor(
    private readonly config: ClippingConfig,
    private readonly start: readonly number[],
    private readonly rule: AdaptiveRule | undefined,
  ) {
    this.current = start;
  }

  /** C by group of the next step, before any schedule. */
  get thresholds(): readonly number[] {
    return this.current;
  }

  /** Goes on from a checkpoint. @throws TypeError or RangeError naming what came and what is allowed. */
  load(thresholds: readonly number[]): void {
    if (!Array.isArray(thresholds) || thresholds.length !== this.start.length) {
      throw new RangeError(`thresholds: got ${describe(thresholds)}, expected an array of ${this.start.length}`);
    }
    for (const [group, threshold] of thresholds.entries())
      checkNumber(`thresholds[${group}]`, threshold, ranges.threshold);
    this.current = [...thresholds];
  }

  /** Of a step whose schedule says `factor`. @throws RangeError where adaptive thresholds are scheduled too. */
  at(factor = 1): StepThresholds {
    checkNumber("thresholdFactor", factor, thresholdFactorRange);
    if (factor !== 1 && this.rule) {
      throw new RangeError(`thresholdFactor: got ${factor}, expected 1: adaptive thresholds follow no schedule`);
    }
    const thresholds = factor === 1 ? this.current : this.current.map((threshold) => threshold * factor);
    for (const [group, threshold] of thresholds.entries()) {
      checkNumber(`thresholds[${group}] times thresholdFactor`, threshold, ranges.threshold);
    }
    return { thresholds, threshold: euclideanNorm(thresholds) };
  }

  /** The deviation of the noise on the clipped sum: σ·S, S at these thresholds; σ_g·S where counts share σ with it. */
  noiseDeviation(noiseMultiplier: number, { thresholds }: StepThresholds): number {
    const multiplier = this.rule
      ? gradientNoiseMultiplier(noiseMultiplier, this.rule.countNoise, thresholds.length)
      : noiseMultiplier;
    return multiplier * sensitivity(this.config, thresholds);
  }

  /** After a step: thresholds of the next one. `release`: with noise that serves these counts alone. */
  learn({ within, examples, leftOut }: BatchStatistics, release: ReleaseCounts): void {
    if (!this.rule) return;
    const counts = { within, examples: examples - leftOut };
    this.current = nextThresholds(this.rule, this.current, this.start, counts, release);
  }
}
