import { z } from "zod";
import { coefficient, decayRate, defineOptimizer, type Optimizer } from "./define.js";

export const rmspropType = defineOptimizer("rmsprop", {
  alpha: decayRate.default(0.99),
  epsilon: coefficient(1e-8),
  momentum: coefficient(0),
  centered: z.boolean().default(false),
  weightDecay: coefficient(0),
});

export interface RmspropOptions {
  /** > 0. */
  readonly learningRate: number;
  /** Decay rate of the squared gradient's running average, in [0, 1); default 0.99. */
  readonly alpha?: number;
  /** Added to the denominator, ≥ 0; default 1e-8. */
  readonly epsilon?: number;
  /** ≥ 0; default 0. */
  readonly momentum?: number;
  /** Normalise by the variance instead of the second moment; default false. */
  readonly centered?: boolean;
  /** L2 penalty, ≥ 0; default 0. */
  readonly weightDecay?: number;
}

/** torch.optim.RMSprop. @throws TypeError naming the option, what it got and what is allowed. */
export function rmsprop(options: RmspropOptions): Optimizer {
  return rmspropType.create(options);
}
