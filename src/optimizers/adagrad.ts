import { coefficient, defineOptimizer, type Optimizer } from "./define.js";

export const adagradType = defineOptimizer("adagrad", {
  learningRateDecay: coefficient(0),
  weightDecay: coefficient(0),
  initialAccumulator: coefficient(0),
  epsilon: coefficient(1e-10),
});

export interface AdagradOptions {
  /** > 0. */
  readonly learningRate: number;
  /** Step t uses learningRate/(1 + (t − 1)·learningRateDecay); ≥ 0, default 0. */
  readonly learningRateDecay?: number;
  /** L2 penalty, ≥ 0; default 0. */
  readonly weightDecay?: number;
  /** Where the sum of squared gradients starts, ≥ 0; default 0. */
  readonly initialAccumulator?: number;
  /** Added to the denominator, ≥ 0; default 1e-10. */
  readonly epsilon?: number;
}

/** torch.optim.Adagrad. @throws TypeError naming the option, what it got and what is allowed. */
export function adagrad(options: AdagradOptions): Optimizer {
  return adagradType.create(options);
}
