/**
 * The GDP accountant: a central limit theorem for Gaussian differential privacy (Bu, Dong, Long, Su: "Deep Learning
 * with Gaussian Differential Privacy", 2020, arXiv:1911.11607): T Poisson-sampled steps are about as private as one
 * Gaussian mechanism with μ = q·√(T(e^(1/σ²) − 1)).
 *
 * An approximation in the limit of many steps, and known to be too small for real ones (Gopi, Lee, Wutschitz 2021):
 * for comparison with papers that quote it, never for a budget.
 */
import type { EpsilonReport } from "./accountant.js";
import { CountingAccountant } from "./counting-accountant.js";
import { epsilonOfGaussian } from "./gaussian.js";
import { type MechanismSteps, noiseOverDistance, type SampledGaussian } from "./mechanism.js";

export class GdpAccountant extends CountingAccountant {
  readonly name = "gdp";
  readonly upperBound = false;

  protected answer(rows: readonly MechanismSteps[], delta: number): EpsilonReport {
    return { epsilon: epsilonOfGaussian(limitMu(rows), delta) };
  }
}

/** Squares of μ add up over independent mechanisms. */
function limitMu(rows: readonly MechanismSteps[]): number {
  let sum = 0;
  for (const row of rows) {
    if (row.samplingRate === 0 || row.steps === 0) continue;
    sum += row.samplingRate ** 2 * row.steps * squaredDistance(row);
  }
  return Math.sqrt(sum);
}

/** ∫(p − p′)²/φ over the densities p, p′ that the example's presence leads to, φ that of its absence. */
function squaredDistance(row: SampledGaussian): number {
  const inverse = 1 / row.noiseMultiplier ** 2;
  if (row.relation && !row.sample) return 4 * Math.sinh(inverse);
  return Math.expm1(1 / noiseOverDistance(row) ** 2);
}
