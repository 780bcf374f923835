/**
 * Bounds on a probability from counts: Clopper, Pearson, "The use of confidence or fiducial limits illustrated in the
 * case of the binomial", 1934. They hold for every probability and every number of trials.
 */
import betaQuantile from "@stdlib/stats-base-dists-beta-quantile";
import { checkNumber } from "../privacy/check.js";

/**
 * The largest probability with which `count` events or fewer of `trials` still come in a share `mass` of all cases.
 * @throws RangeError unless 0 ≤ count ≤ trials and 0 < mass < 1.
 */
export function rateAtMost(count: number, trials: number, mass: number): number {
  check(count, trials, mass);
  return count === trials ? 1 : betaQuantile(1 - mass, count + 1, trials - count);
}

/** The smallest probability with which `count` events or more of `trials` still come in a share `mass` of all cases. */
export function rateAtLeast(count: number, trials: number, mass: number): number {
  check(count, trials, mass);
  return count === 0 ? 0 : betaQuantile(mass, count, trials - count + 1);
}

function check(count: number, trials: number, mass: number): void {
  checkNumber("trials", trials, { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true });
  checkNumber("count", count, { min: 0, max: trials, integer: true });
  checkNumber("mass", mass, { min: 0, max: 1, openMin: true, openMax: true });
}
