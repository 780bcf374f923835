/**
 * How good a Toeplitz C is: the mean over the steps of the variance that the noise leaves in the model, times the squared
 * sensitivity, both of noise of variance 1. With β the first column of A·C⁻¹, A the workload, the mean is Σⱼ (n − j)·βⱼ² / n
 * (Choquette-Choo et al. 2023, arXiv:2306.08153; McKenna 2024, arXiv:2405.15913).
 */
import { product, quotient } from "./series.js";

/**
 * Mean variance over `steps` steps, and its derivatives by the first column's coefficients: β = a/c as series, so that
 * ∂β/∂cᵢ = −xⁱ·β/c. `workload`: A's first column, as far as is looked;
 * beyond, β is taken to stay what it is there.
 */
export function meanVariance(
  column: Float64Array,
  workload: Float64Array,
  steps: number,
): { readonly value: number; readonly gradient: Float64Array } {
  const length = workload.length;
  const beta = quotient(workload, column, length);
  const gamma = quotient(beta, column, length);
  const weights = stepWeights(length, steps);
  // Σ_{j ≥ i} w_j·β_j·γ_{j−i}: of the product with w·β backwards, the coefficient of i places before the end.
  const backwards = beta.map((value, j) => value * (weights[j] as number)).reverse();
  const sums = product(backwards, gamma, length);
  const gradient = column.map((_, i) => (-2 * (sums[length - 1 - i] ?? 0)) / steps);
  const value = beta.reduce((sum, value, j) => sum + (weights[j] as number) * value * value, 0) / steps;
  return { value, gradient };
}

/** n − j; the last stands for all beyond it. */
function stepWeights(length: number, steps: number): Float64Array {
  const weights = Float64Array.from({ length }, (_, j) => steps - j);
  const rest = steps - length;
  if (rest > 0) weights[length - 1] = (weights[length - 1] as number) + (rest * (rest + 1)) / 2;
  return weights;
}
