/**
 * What one training step is to the accountant: the Gaussian mechanism on a Poisson sample. Every example is in the
 * sample independently with probability `samplingRate`; noise of deviation `noiseMultiplier` × sensitivity is added
 * to the clipped sum. The relation is add/remove of one example.
 */
import { checkNumber, ranges } from "./check.js";

export interface SampledGaussian {
  /** q in [0, 1]. */
  readonly samplingRate: number;
  /** σ ≥ 0: the noise's standard deviation over the sensitivity S. */
  readonly noiseMultiplier: number;
}

/** Steps of one mechanism: a row of what was done to the data. */
export interface MechanismSteps extends SampledGaussian {
  readonly steps: number;
}

/** Throws a RangeError naming the field, what came and what is allowed. */
export function checkMechanism(mechanism: SampledGaussian): void {
  checkNumber("samplingRate", mechanism.samplingRate, ranges.samplingRate);
  checkNumber("noiseMultiplier", mechanism.noiseMultiplier, ranges.noiseMultiplier);
}

/** Throws a RangeError naming the field, what came and what is allowed. */
export function checkSteps(row: MechanismSteps): void {
  checkMechanism(row);
  checkNumber("steps", row.steps, ranges.steps);
}

export function sameMechanism(a: SampledGaussian, b: SampledGaussian): boolean {
  return a.samplingRate === b.samplingRate && a.noiseMultiplier === b.noiseMultiplier;
}

/** The steps taken, merged by mechanism: a million equal steps are one row. */
export class StepCounts {
  private readonly rows: { mechanism: SampledGaussian; steps: number }[] = [];

  /** Adds `count` steps; a RangeError where the mechanism, the count or the total cannot be. */
  add(mechanism: SampledGaussian, count: number): void {
    checkSteps({ ...mechanism, steps: count });
    const row = this.rows.find((candidate) => sameMechanism(candidate.mechanism, mechanism));
    checkNumber("total steps", (row?.steps ?? 0) + count, ranges.steps);
    if (row) row.steps += count;
    else if (count > 0) this.rows.push({ mechanism: { ...mechanism }, steps: count });
  }

  list(): readonly MechanismSteps[] {
    return this.rows.map(({ mechanism, steps }) => ({ ...mechanism, steps }));
  }
}
