/** How well scores tell members from others: area under the ROC curve, and true positives at few false ones. */
import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import { rateAtLeast, rateAtMost } from "./rates.js";

export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface RocFindings {
  readonly members: number;
  readonly others: number;
  /** Probability that a member scores higher than another; ½: nothing is told. Interval by DeLong et al. 1988. */
  readonly auc: Interval;
  /** Share of members told at a share of false alarms of at most `falseAlarms`; Clopper–Pearson at that threshold. */
  readonly truePositives: readonly (Interval & { readonly falseAlarms: number })[];
}

const FALSE_ALARMS = [0.001, 0.01, 0.1];

/** Two-sided intervals, each of coverage 1 − mass. Both lists: one score or more. */
export function rocOf(members: readonly number[], others: readonly number[], mass: number): RocFindings {
  const [sortedMembers, sortedOthers] = [ascending(members), ascending(others)];
  return {
    members: members.length,
    others: others.length,
    auc: areaOf(sortedMembers, sortedOthers, mass),
    truePositives: FALSE_ALARMS.map((falseAlarms) => ({
      falseAlarms,
      ...truePositivesAt(falseAlarms, sortedMembers, sortedOthers, mass),
    })),
  };
}

function areaOf(members: Float64Array, others: Float64Array, mass: number): Interval {
  const above = Array.from(members, (score) => placement(others, score));
  const below = Array.from(others, (score) => 1 - placement(members, score));
  const value = mean(above);
  const deviation = Math.sqrt(variance(above) / above.length + variance(below) / below.length);
  const reach = -normalQuantile(mass / 2, 0, 1) * deviation;
  return { value, low: Math.max(0, value - reach), high: Math.min(1, value + reach) };
}

function truePositivesAt(share: number, members: Float64Array, others: Float64Array, mass: number): Interval {
  // The threshold: the highest score of the others that must not count as a member's.
  const allowed = Math.floor(share * others.length);
  const threshold = others[others.length - 1 - allowed] ?? Number.NEGATIVE_INFINITY;
  const told = members.length - countUpTo(members, threshold);
  return {
    value: told / members.length,
    low: rateAtLeast(told, members.length, mass / 2),
    high: rateAtMost(told, members.length, mass / 2),
  };
}

/** Share of `sorted` below `score`, equal ones by half. */
function placement(sorted: Float64Array, score: number): number {
  return (countBelow(sorted, score) + countUpTo(sorted, score)) / 2 / sorted.length;
}

function countBelow(sorted: Float64Array, score: number): number {
  return firstWhere(sorted, (value) => value >= score);
}

function countUpTo(sorted: Float64Array, score: number): number {
  return firstWhere(sorted, (value) => value > score);
}

function firstWhere(sorted: Float64Array, holds: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(sorted[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function ascending(values: readonly number[]): Float64Array {
  return Float64Array.from(values).sort();
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}
