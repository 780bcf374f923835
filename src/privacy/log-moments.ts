/**
 * log E_Q[(P/Q)^a] of one step, for choosing where and how finely the distribution of its privacy loss is computed. By the
 * trapezoidal rule: close, but no bound, and nothing that is reported rests on it.
 */
import { lossCurve } from "./loss-curve.js";
import { logCentre } from "./loss-mirror.js";
import type { MechanismSteps, SampledGaussian } from "./mechanism.js";

const MOST_NODES = 20_000;

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
    this.rows = rows.map((row) => ({ steps: row.steps, ...nodesOf(row, missing) }));
  }

  /** Σ T·log E_Q[e^(a·loss)]; any real `order` a. */
  at(order: number): number {
    let sum = 0;
    for (const row of this.rows) sum += row.steps * logMoment(row, order);
    return sum;
  }
}

function nodesOf(mechanism: SampledGaussian, missing: number): Nodes {
  const curve = lossCurve(mechanism);
  const ends = curve.ends(missing);
  const low = mechanism.sample ? curve.z(-curve.floor) : ends.low;
  const width = ends.high - low;
  const count = Math.min(MOST_NODES, Math.ceil(width / Math.min(0.125, curve.sigma / 2)));
  const z = Float64Array.from({ length: count + 1 }, (_, index) => low + (width * index) / count);
  const losses = z.map((value) => curve.floor + curve.distance(value));
  const logMass = z.map((value) => Math.log(curve.density(value) * (width / count)));
  if (!mechanism.sample) return { losses, logMass };
  return {
    losses: Float64Array.from([...losses, ...losses.map((loss) => -loss), 0]),
    logMass: Float64Array.from([
      ...logMass,
      ...logMass.map((log, index) => log + (losses[index] as number)),
      logCentre(curve),
    ]),
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
