/**
 * log E_Q[(P/Q)^a] of one step, for choosing where and how finely the distribution of its privacy loss is computed. By the
 * trapezoidal rule: close, but no bound, and nothing that is reported rests on it.
 */

import { costliest } from "../grouped-rows.js";
import { isAllocated, type MechanismSteps, type SampledGaussian } from "../mechanism.js";
import { coarseLaw } from "./cycle-lattice.js";
import type { GeometricLaw } from "./lattice-sum.js";
import { type LossCurve, lossCurve } from "./loss-curve.js";

const MOST_NODES = 20_000;
/** More rows than these stand for each other: a schedule may give every step its own noise. */
const MOST_ROWS = 36;

/** Losses and the logarithms of their masses, up to a common factor. */
interface Nodes {
  readonly losses: Float64Array;
  readonly logMass: Float64Array;
}

/** The logarithmic moments of some steps together, as a function of the order. */
export class LogMoments {
  private readonly rows: readonly (Nodes & { readonly steps: number })[];

  /** `missing`: mass that a step's lattice leaves out, and that is left out here: far out, it would rule high moments. */
  constructor(rows: readonly MechanismSteps[], missing: number) {
    this.rows = costliest(rows, MOST_ROWS).map((row) => ({ steps: row.steps, ...nodesOf(row, missing) }));
  }

  /** Σ T·log E_Q[e^(a·loss)]; any real `order` a. */
  at(order: number): number {
    let sum = 0;
    for (const row of this.rows) sum += row.steps * logMoment(row, order);
    return sum;
  }
}

function nodesOf(mechanism: SampledGaussian, missing: number): Nodes {
  if (isAllocated(mechanism)) return nodesOfLaw(coarseLaw(mechanism, missing));
  const curve = lossCurve(mechanism);
  const { low, high } = curve.ends(missing);
  if (!mechanism.sample) return nodesBetween(curve, low, high);
  const half = nodesBetween(curve, curve.z(-curve.floor), high);
  END_WEIGHTS.forEach((weight, index) => {
    half.logMass[index] = (half.logMass[index] as number) + Math.log(weight);
  });
  return {
    losses: Float64Array.from([...half.losses, ...half.losses.map((loss) => -loss), 0]),
    logMass: Float64Array.from([
      ...half.logMass,
      ...half.logMass.map((log, index) => log + (half.losses[index] as number)),
      Math.log(curve.mirror?.atom ?? 0),
    ]),
  };
}

function nodesOfLaw({ offset, spacing, mass }: GeometricLaw): Nodes {
  return { losses: mass.map((_, k) => offset + k * spacing), logMass: mass.map(Math.log) };
}

/** The trapezoidal rule's where the integrand does not vanish (Gregory): of the fourth order. */
const END_WEIGHTS = [3 / 8, 7 / 6, 23 / 24];

function nodesBetween(curve: LossCurve, low: number, high: number): Nodes {
  const width = high - low;
  const count = Math.min(MOST_NODES, Math.ceil(width / Math.min(0.125, curve.sigma / 2)));
  const z = Float64Array.from({ length: count + 1 }, (_, index) => low + (width * index) / count);
  return {
    losses: z.map((value) => curve.floor + curve.distance(value)),
    logMass: z.map((value) => Math.log(curve.density(value) * (width / count))),
  };
}

function logMoment({ losses, logMass }: Nodes, order: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < losses.length; i++) {
    largest = Math.max(largest, order * (losses[i] as number) + (logMass[i] as number));
  }
  let moment = 0;
  let mass = 0;
  for (let i = 0; i < losses.length; i++) {
    const log = logMass[i] as number;
    moment += Math.exp(order * (losses[i] as number) + log - largest);
    mass += Math.exp(log);
  }
  // Over the rule's own mass, so that moments 0 and 1 come out as 1.
  return largest + Math.log(moment / mass);
}
