/**
 * log E_Q[(P/Q)^a] of the subsampled Gaussian, for choosing where and how finely the distribution of its privacy loss is
 * computed. By the trapezoidal rule: close, but no bound, and nothing that is reported rests on it.
 */
import { ends, lossCurve } from "./loss-curve.js";
import type { MechanismSteps, SampledGaussian } from "./mechanism.js";

const MOST_NODES = 20_000;

/** The logarithmic moments of some steps together, as a function of the order. */
export class LogMoments {
  private readonly rows: readonly { readonly steps: number; readonly losses: Float64Array; readonly z: Float64Array }[];

  /** `missing`: mass that a step's lattice leaves out, and that is left out here: far out, it would rule high moments. */
  constructor(rows: readonly MechanismSteps[], missing: number) {
    this.rows = rows.map((row) => ({ steps: row.steps, ...nodesOf(row, missing) }));
  }

  /** Σ T·log E_Q[e^(a·loss)]; any real `order` a. */
  at(order: number): number {
    let sum = 0;
    for (const { steps, losses, z } of this.rows) sum += steps * logMoment(losses, z, order);
    return sum;
  }
}

function nodesOf(mechanism: SampledGaussian, missing: number): { losses: Float64Array; z: Float64Array } {
  const { low, high } = ends(mechanism, missing);
  const curve = lossCurve(mechanism);
  const count = Math.min(MOST_NODES, Math.ceil((high - low) / Math.min(0.125, mechanism.noiseMultiplier / 2)));
  const z = Float64Array.from({ length: count + 1 }, (_, index) => low + ((high - low) * index) / count);
  return { z, losses: z.map((value) => curve.floor + curve.distance(value)) };
}

function logMoment(losses: Float64Array, z: Float64Array, order: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < z.length; i++) {
    largest = Math.max(largest, order * (losses[i] as number) - 0.5 * (z[i] as number) ** 2);
  }
  let moment = 0;
  let mass = 0;
  for (let i = 0; i < z.length; i++) {
    const gauss = -0.5 * (z[i] as number) ** 2;
    moment += Math.exp(order * (losses[i] as number) + gauss - largest);
    mass += Math.exp(gauss);
  }
  // Over the rule's own mass, so that moments 0 and 1 come out as 1.
  return largest + Math.log(moment / mass);
}
