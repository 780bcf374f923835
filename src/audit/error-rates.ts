/** What the errors of many runs show: with the record, or without, told by a threshold on a score. */
import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import { epsilonOfGaussian } from "../privacy/gaussian.js";
import { rateAtMost } from "./rates.js";
import type { TradeOff } from "./trade-off.js";

export interface ErrorCounts {
  /** Runs without the record that were told as with it, of `without`. */
  readonly falseAlarms: number;
  readonly without: number;
  /** Runs with the record that were told as without it, of `with`. */
  readonly misses: number;
  readonly with: number;
}

export interface ErrorRates {
  readonly falseAlarms: number;
  readonly misses: number;
}

/** Upper bounds on both rates, which hold together in all but a share `mass` of audits. */
export function largestRates(counts: ErrorCounts, mass: number): ErrorRates {
  return {
    falseAlarms: rateAtMost(counts.falseAlarms, counts.without, mass / 2),
    misses: rateAtMost(counts.misses, counts.with, mass / 2),
  };
}

/** Whether no mechanism with this curve lets a test have such rates. */
export function ratesRefute({ falseAlarms, misses }: ErrorRates, curve: TradeOff): boolean {
  return misses < curve.leastMisses(falseAlarms);
}

/** The least μ of a Gaussian mechanism that lets a test have such rates, and its ε: exact where q = 1. */
export function gaussianBound({ falseAlarms, misses }: ErrorRates, delta: number): { mu: number; epsilon: number } {
  if (falseAlarms + misses >= 1) return { mu: 0, epsilon: 0 };
  const mu = -normalQuantile(falseAlarms, 0, 1) - normalQuantile(misses, 0, 1);
  return { mu, epsilon: epsilonOfGaussian(mu, delta) };
}

/** ε of whatever mechanism: 1 − β ≤ e^ε·α + δ, and the same with the errors exchanged (Kairouz, Oh, Viswanath 2015). */
export function plainBound({ falseAlarms, misses }: ErrorRates, delta: number): number {
  const one = Math.log((1 - misses - delta) / falseAlarms);
  const other = Math.log((1 - falseAlarms - delta) / misses);
  // NaN where a rate leaves nothing above δ.
  return Math.max(0, Number.isNaN(one) ? 0 : one, Number.isNaN(other) ? 0 : other);
}

/** Thresholds that are tried, evenly spread over the scores. */
const TRIED = 64;

/**
 * The threshold that tells best between the two lists of scores, by μ of its bounded rates: scores above it count as
 * with the record. To be used on other runs than those that chose it.
 */
export function chooseThreshold(without: readonly number[], present: readonly number[], mass: number): number {
  const scores = Float64Array.from([...without, ...present]).sort();
  let best = { mu: Number.NEGATIVE_INFINITY, threshold: 0 };
  for (let tried = 1; tried < TRIED; tried++) {
    const rank = Math.floor((tried * scores.length) / TRIED);
    const threshold = ((scores[Math.max(0, rank - 1)] as number) + (scores[rank] as number)) / 2;
    const rates = largestRates(countErrors(without, present, threshold), mass);
    const mu = -normalQuantile(rates.falseAlarms, 0, 1) - normalQuantile(rates.misses, 0, 1);
    if (mu > best.mu) best = { mu, threshold };
  }
  return best.threshold;
}

export function countErrors(without: readonly number[], present: readonly number[], threshold: number): ErrorCounts {
  return {
    falseAlarms: without.filter((score) => score > threshold).length,
    without: without.length,
    misses: present.filter((score) => !(score > threshold)).length,
    with: present.length,
  };
}
