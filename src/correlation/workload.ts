/**
 * What the noise should be small in: the model, which is a weighted sum of all gradients so far. With SGD of momentum β and
 * weight decay λ at learning rate η the gradient of i steps ago weighs the coefficient of xⁱ in 1/((1 − αx)(1 − βx)),
 * α = 1 − ηλ (Kalinin & Lampert 2024, arXiv:2405.13763). Other optimizers are treated as plain sums (α = 1, β = 0). Usefulness
 * hangs on this, privacy does not.
 */
import { checkObject } from "../arguments.js";
import { checkNumber } from "../privacy/check.js";
import { binomialSeries, product } from "./series.js";

export interface Workload {
  /** α in (0, 1]: what is left of a parameter from step to step. */
  readonly retention: number;
  /** β in [0, 1). */
  readonly momentum: number;
}

export const prefixSums: Workload = { retention: 1, momentum: 0 };

/** @throws TypeError, RangeError. */
export function checkWorkload(workload: Workload): void {
  checkObject("workload", workload, "an object of retention, momentum, such as prefixSums");
  checkNumber("workload.retention", workload.retention, { min: 0, max: 1, openMin: true });
  checkNumber("workload.momentum", workload.momentum, { min: 0, max: 1, openMax: true });
}

/** Of an optimizer as JSON describes it, or as a session has it. */
export function workloadOf(optimizer: {
  readonly type: string;
  readonly learningRate: number;
  readonly momentum?: number | undefined;
  readonly weightDecay?: number | undefined;
}): Workload {
  if (optimizer.type !== "sgd") return prefixSums;
  const { learningRate, momentum = 0, weightDecay = 0 } = optimizer;
  // Beyond these, training diverges, and any workload will do.
  return { retention: Math.max(0.5, 1 - learningRate * weightDecay), momentum: Math.min(momentum, 0.9999) };
}

/** The first `length` coefficients of A^power, A the matrix of the workload: 1, ½, −½ … */
export function workloadPower({ retention, momentum }: Workload, power: number, length: number): Float64Array {
  const plain = binomialSeries(-power, retention, length);
  return momentum === 0 ? plain : product(plain, binomialSeries(-power, momentum, length), length);
}
