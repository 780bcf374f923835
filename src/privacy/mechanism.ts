/**
 * What one training step is to the accountant: the Gaussian mechanism on a random sample. Unless said otherwise every
 * example is in the sample independently with probability `samplingRate`; noise of deviation `noiseMultiplier` × sensitivity
 * is added to the clipped sum.
 */
import { checkChoice } from "../arguments.js";
import { checkNumber, ranges } from "./check.js";

export interface SampledGaussian {
  /** q in [0, 1]. */
  readonly samplingRate: number;
  /** σ ≥ 0: the noise's standard deviation over the sensitivity S, the most that one example adds to the clipped sum. */
  readonly noiseMultiplier: number;
  /** Absent: one example is added, removed, or zeroed out, which all cost the same. `replace-one`: it becomes any other. */
  readonly relation?: "replace-one" | undefined;
  /**
   * Absent: a Poisson sample. `fixed-size`: the share `samplingRate` of the data, to the example, without replacement;
   * one example is then replaced by any other, one that contributes nothing included.
   */
  readonly sample?: "fixed-size" | undefined;
  /**
   * t ≥ 1, with `samplingRate` 1: the row's step is a cycle of t steps, in one of which, at random, each example is. Under
   * `replace-one` that is a step on all the data, and costs no less. Absent: a step of its own.
   */
  readonly bins?: number | undefined;
  /** Probability that the step was not this mechanism but some other; in [0, 1], 0 by default. δ pays for it. */
  readonly failure?: number | undefined;
  /**
   * Where the noise is the discrete Gaussian: how many coordinates have it, each at least σ times its own sensitivity; the
   * counts of adaptive thresholds are coordinates too. Absent: the continuous one.
   */
  readonly discreteCoordinates?: number | undefined;
}

/** All but the numbers: how examples come into a batch, and how neighbours differ. */
export type MechanismKind = Omit<SampledGaussian, "samplingRate" | "noiseMultiplier">;

/** Steps of one mechanism: a row of what was done to the data. */
export interface MechanismSteps extends SampledGaussian {
  readonly steps: number;
}

const counts = { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true } as const;

/** For checks of keys: a misspelt one would be ignored, and cost nothing. */
export const kindKeys = ["relation", "sample", "bins", "failure", "discreteCoordinates"] as const;
export const mechanismKeys = ["samplingRate", "noiseMultiplier", ...kindKeys] as const;

/** Throws a RangeError naming the field, what came and what is allowed. */
export function checkMechanism(mechanism: SampledGaussian): void {
  checkNumber("samplingRate", mechanism.samplingRate, ranges.samplingRate);
  checkNumber("noiseMultiplier", mechanism.noiseMultiplier, ranges.noiseMultiplier);
  if (mechanism.relation !== undefined) checkChoice("relation", mechanism.relation, ["replace-one"]);
  if (mechanism.sample !== undefined) checkChoice("sample", mechanism.sample, ["fixed-size"]);
  if (mechanism.failure !== undefined) checkNumber("failure", mechanism.failure, { min: 0, max: 1 });
  const { discreteCoordinates, bins } = mechanism;
  if (discreteCoordinates !== undefined) checkNumber("discreteCoordinates", discreteCoordinates, counts);
  if (bins === undefined) return;
  checkNumber("bins", bins, counts);
  if (mechanism.samplingRate === 1 && mechanism.sample === undefined) return;
  throw new RangeError(
    `bins: got ${bins} of a sample; allowed: with samplingRate 1, every example being in one of them`,
  );
}

/** A cycle of random allocation that costs less than one step on all the data. */
export type AllocatedGaussian = SampledGaussian & { readonly bins: number };

/** Less noise, and float64 does not hold the likelihood ratios. */
const LEAST_ALLOCATED_NOISE = 0.2;

export function isAllocated(mechanism: SampledGaussian): mechanism is AllocatedGaussian {
  const { bins = 1, relation, noiseMultiplier } = mechanism;
  return bins > 1 && relation === undefined && noiseMultiplier >= LEAST_ALLOCATED_NOISE;
}

/** Throws a RangeError naming the field, what came and what is allowed. */
export function checkSteps(row: MechanismSteps): void {
  checkMechanism(row);
  checkNumber("steps", row.steps, ranges.steps);
}

export function sameMechanism(a: SampledGaussian, b: SampledGaussian): boolean {
  return (
    a.samplingRate === b.samplingRate &&
    a.noiseMultiplier === b.noiseMultiplier &&
    a.relation === b.relation &&
    a.sample === b.sample &&
    a.bins === b.bins &&
    (a.failure ?? 0) === (b.failure ?? 0) &&
    a.discreteCoordinates === b.discreteCoordinates
  );
}

/** The mechanism of a row: without its number of steps, and without keys that say what holds anyway. */
export function mechanismOf(row: SampledGaussian): SampledGaussian {
  const { samplingRate, noiseMultiplier } = row;
  return { samplingRate, noiseMultiplier, ...kindOf(row) };
}

/** The kind alone of what may hold other keys, without those that say what holds anyway. */
export function kindOf({ relation, sample, bins, failure, discreteCoordinates }: MechanismKind): MechanismKind {
  return {
    ...(relation === undefined ? {} : { relation }),
    ...(sample === undefined ? {} : { sample }),
    ...(bins === undefined ? {} : { bins }),
    ...(failure ? { failure } : {}),
    ...(discreteCoordinates === undefined ? {} : { discreteCoordinates }),
  };
}

/**
 * What the noise is, where the two outputs of a step that saw all the data, or a sample of fixed size, are one Gaussian each:
 * over the distance of their means, which is twice the sensitivity where an example may become any other.
 */
export function noiseOverDistance({ noiseMultiplier, relation, sample }: SampledGaussian): number {
  return relation || sample ? noiseMultiplier / 2 : noiseMultiplier;
}

/** The steps taken, merged by mechanism: a million equal steps are one row. */
export class StepCounts {
  private readonly rows = new Map<string, { mechanism: SampledGaussian; steps: number }>();

  /** Adds `count` steps; a RangeError where the mechanism, the count or the total cannot be. */
  add(mechanism: SampledGaussian, count: number): void {
    checkSteps({ ...mechanism, steps: count });
    const given = mechanismOf(mechanism);
    const key = JSON.stringify(given);
    const row = this.rows.get(key);
    checkNumber("total steps", (row?.steps ?? 0) + count, ranges.steps);
    if (row) row.steps += count;
    else if (count > 0) this.rows.set(key, { mechanism: given, steps: count });
  }

  list(): readonly MechanismSteps[] {
    return [...this.rows.values()].map(({ mechanism, steps }) => ({ ...mechanism, steps }));
  }
}
