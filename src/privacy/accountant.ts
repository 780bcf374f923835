/**
 * Accountants turn the steps that were taken into (ε, δ). One file each; a new accountant adds a file and a row here.
 *
 * @example
 * const accountant = makeAccountant();
 * accountant.step({ samplingRate: 0.004, noiseMultiplier: 1.1 }, 3750);
 * accountant.epsilon(1e-5); // 1.09…
 */
import { checkMethods, describe } from "../arguments.js";
import type { CyclicSteps } from "./cycle.js";
import { GdpAccountant } from "./gdp.js";
import type { MechanismSteps, SampledGaussian } from "./mechanism.js";
import { coarseGap, PrvAccountant } from "./prv.js";
import { RdpAccountant } from "./rdp.js";

export interface EpsilonReport {
  /** ≥ 0; Infinity where nothing is guaranteed. */
  readonly epsilon: number;
  /** The Rényi order that gave it, where one did and ε is finite. */
  readonly order?: number;
  /** No smaller ε holds, where the accountant can tell: ε is exact to the difference. */
  readonly lower?: number;
  /** What proved ε, where the accountant has several ways. */
  readonly proof?: "pld" | "rdp" | "gaussian";
}

export interface Accountant {
  readonly name: string;
  /** ε is proven. Where false it is an approximation that may be too small, and must not decide over a budget. */
  readonly upperBound: boolean;
  /** The Rényi orders it tries, where it has any. */
  readonly orders?: readonly number[];
  /** Records `count` steps of `mechanism`. RangeError on values that cannot be. */
  step(mechanism: SampledGaussian, count?: number): void;
  /** The steps so far, by mechanism. */
  steps(): readonly MechanismSteps[];
  /** ε at δ in (0, 1) of the steps so far. */
  epsilon(delta: number): number;
  report(delta: number): EpsilonReport;
  /** ε at δ as if `count` more steps of `mechanism` were taken; records nothing. */
  epsilonAfter(mechanism: SampledGaussian, count: number, delta: number): number;
  /** The same for steps of several mechanisms, of samplers with cycles too. */
  epsilonWith(more: readonly CyclicSteps[], delta: number): number;
}

const accountants: Readonly<Record<string, { readonly exact: () => Accountant; readonly quick: () => Accountant }>> = {
  prv: { exact: () => new PrvAccountant(), quick: () => new PrvAccountant(coarseGap) },
  rdp: { exact: () => new RdpAccountant(), quick: () => new RdpAccountant() },
  gdp: { exact: () => new GdpAccountant(), quick: () => new GdpAccountant() },
};

export const accountantNames: readonly string[] = Object.keys(accountants);

/** Those that prove an upper bound, and so may calibrate noise and guard a budget. */
export const provenAccountants = ["prv", "rdp"] as const;
export type ProvenAccountant = (typeof provenAccountants)[number];

/** The tightest upper bound that is proved. */
export const defaultAccountant: ProvenAccountant = "prv";

/** @throws TypeError where it is no accountant. */
export function checkAccountant(name: string, accountant: Accountant): void {
  checkMethods(
    name,
    accountant,
    ["step", "steps", "epsilon", "report"],
    "an accountant, as makeAccountant() returns it",
  );
}

/** A new accountant by name; a RangeError that lists what there is. */
export function makeAccountant(name: string = defaultAccountant): Accountant {
  return known(name).exact();
}

/** The same with less work for each ε, which is some per cent larger for it where that saves any: for progress and guesses. */
export function makeQuickAccountant(name: string = defaultAccountant): Accountant {
  return known(name).quick();
}

function known(name: string) {
  const found = typeof name === "string" && Object.hasOwn(accountants, name) ? accountants[name] : undefined;
  if (found) return found;
  throw new RangeError(
    `accountant must be one of ${accountantNames.join(", ")}, got ${describe(name)}; prv is the tightest upper ` +
      "bound, rdp an upper bound, gdp an approximation that may under-report",
  );
}
