/**
 * From what a test achieved to an ε. The mechanism audited is the claimed one in all but its noise: same sampling, same
 * steps, σ times an unknown factor. The factors with which such a mechanism would have resisted the test are excluded;
 * the largest that is left says how much noise there can be, and its ε is what was shown. Where q = 1 this is Gaussian
 * differential privacy, exactly (Nasr et al., "Tight Auditing of Differentially Private Machine Learning", 2023, section 5).
 */
import { makeAccountant, makeQuickAccountant } from "../privacy/accountant.js";
import type { MechanismSteps } from "../privacy/mechanism.js";
import { TradeOff } from "./trade-off.js";

export interface ShownBound {
  /** ε at δ is at least this. */
  readonly epsilon: number;
  /** The noise is at most this many times the claimed one; Infinity where nothing was shown. */
  readonly noiseFactor: number;
}

export interface Claim {
  readonly mechanisms: readonly MechanismSteps[];
  readonly delta: number;
}

/** Claims that say so little are not looked at. */
const MOST_EPSILON = 100;
const MOST_FACTOR = 2 ** 10;
const HALVINGS = 9;

/** @param refutes whether the test is better than the curve allows; if for one factor, then for every larger one. */
export function boundBy(refutes: (curve: TradeOff) => boolean, claim: Claim): ShownBound {
  const refuted = (factor: number) =>
    quickEpsilon(claim, factor) < MOST_EPSILON && refutes(TradeOff.of(withNoise(claim, factor)));
  let high = 1;
  while (!refuted(high)) {
    if (high >= MOST_FACTOR) return { epsilon: 0, noiseFactor: Number.POSITIVE_INFINITY };
    high *= 2;
  }
  let low = high / 2;
  // From 1 upwards the factor below was looked at; from 1 downwards it was not.
  while (high <= 1 && refuted(low)) {
    high = low;
    low /= 2;
  }
  for (let i = 0; i < HALVINGS; i++) {
    const middle = Math.sqrt(low * high);
    if (refuted(middle)) high = middle;
    else low = middle;
  }
  const { epsilon, lower = epsilon } = reportOf(claim, high);
  return { epsilon: lower, noiseFactor: high };
}

/** Whether the claim itself is refuted. */
export function isRefuted(refutes: (curve: TradeOff) => boolean, { mechanisms }: Claim): boolean {
  return refutes(TradeOff.of(mechanisms));
}

function withNoise({ mechanisms }: Claim, factor: number): MechanismSteps[] {
  return mechanisms.map((row) => ({ ...row, noiseMultiplier: row.noiseMultiplier * factor }));
}

function quickEpsilon(claim: Claim, factor: number): number {
  return makeQuickAccountant().epsilonWith(withNoise(claim, factor), claim.delta);
}

function reportOf(claim: Claim, factor: number) {
  const accountant = makeAccountant();
  for (const row of withNoise(claim, factor)) accountant.step(row, row.steps);
  return accountant.report(claim.delta);
}
