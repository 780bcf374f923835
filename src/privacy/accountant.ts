/**
 * Accountants turn the steps that were taken into (ε, δ). One file each; a new accountant adds a file and a row here.
 *
 * @example
 * const accountant = makeAccountant("rdp");
 * accountant.step({ samplingRate: 0.004, noiseMultiplier: 1.1 }, 3750);
 * accountant.epsilon(1e-5); // 1.19…
 */
import { GdpAccountant } from "./gdp.js";
import type { MechanismSteps, SampledGaussian } from "./mechanism.js";
import { RdpAccountant } from "./rdp.js";

export interface EpsilonReport {
  /** ≥ 0; Infinity where nothing is guaranteed. */
  readonly epsilon: number;
  /** The Rényi order that gave it, where the accountant has orders and ε is finite. */
  readonly order?: number;
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
  /** The same for steps of several mechanisms. */
  epsilonWith(more: readonly MechanismSteps[], delta: number): number;
}

const accountants: Readonly<Record<string, () => Accountant>> = {
  rdp: () => new RdpAccountant(),
  gdp: () => new GdpAccountant(),
};

const planned = ["prv"];

/** Accountants whose names the command line knows, available or not. */
export const accountantNames: readonly string[] = [...Object.keys(accountants), ...planned];

/** A new accountant by name; a RangeError that lists what there is. */
export function makeAccountant(name: string): Accountant {
  const make = Object.hasOwn(accountants, name) ? accountants[name] : undefined;
  if (make) return make();
  const available = "available: rdp (an upper bound), gdp (an approximation, may under-report)";
  if (planned.includes(name)) throw new RangeError(`accountant ${name} is not available yet; ${available}`);
  throw new RangeError(`accountant must be one of rdp, gdp, got ${JSON.stringify(name)}; ${available}`);
}
