/**
 * The GDP accountant: a central limit theorem for Gaussian differential privacy (Bu, Dong, Long, Su: "Deep Learning
 * with Gaussian Differential Privacy", 2020, arXiv:1911.11607): T Poisson-sampled steps are about as private as one
 * Gaussian mechanism with μ = q·√(T(e^(1/σ²) − 1)).
 *
 * An approximation in the limit of many steps, and known to be too small for real ones (Gopi, Lee, Wutschitz 2021):
 * for comparison with papers that quote it, never for a budget.
 */
import type { Accountant, EpsilonReport } from "./accountant.js";
import { epsilonOfGaussian } from "./gaussian.js";
import { checkSteps, type MechanismSteps, type SampledGaussian, StepCounts } from "./mechanism.js";

export class GdpAccountant implements Accountant {
  readonly name = "gdp";
  readonly upperBound = false;
  private readonly counts = new StepCounts();

  step(mechanism: SampledGaussian, count = 1): void {
    this.counts.add(mechanism, count);
  }

  steps(): readonly MechanismSteps[] {
    return this.counts.list();
  }

  epsilon(delta: number): number {
    return epsilonOfGaussian(limitMu(this.counts.list()), delta);
  }

  report(delta: number): EpsilonReport {
    return { epsilon: this.epsilon(delta) };
  }

  epsilonAfter(mechanism: SampledGaussian, count: number, delta: number): number {
    return this.epsilonWith([{ ...mechanism, steps: count }], delta);
  }

  epsilonWith(more: readonly MechanismSteps[], delta: number): number {
    more.forEach(checkSteps);
    return epsilonOfGaussian(limitMu([...this.counts.list(), ...more]), delta);
  }
}

/** Squares of μ add up over independent mechanisms. */
function limitMu(rows: readonly MechanismSteps[]): number {
  let sum = 0;
  for (const { samplingRate, noiseMultiplier, steps } of rows) {
    if (samplingRate === 0 || steps === 0) continue;
    sum += samplingRate ** 2 * steps * Math.expm1(1 / noiseMultiplier ** 2);
  }
  return Math.sqrt(sum);
}
