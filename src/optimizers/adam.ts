import { z } from "zod";
import { coefficient, decayRate, defineOptimizer, type Optimizer } from "./define.js";

const betas = z.tuple([decayRate, decayRate]).default([0.9, 0.999]);

export const adamType = defineOptimizer("adam", { betas, epsilon: coefficient(1e-8), weightDecay: coefficient(0) });
export const adamwType = defineOptimizer("adamw", {
  betas,
  epsilon: coefficient(1e-8),
  weightDecay: coefficient(0.01),
});

export interface AdamOptions {
  /** > 0. */
  readonly learningRate: number;
  /** Decay rates of the running averages of gradient and squared gradient, in [0, 1); default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the denominator, ≥ 0; default 1e-8. */
  readonly epsilon?: number;
  /** ≥ 0. adam: an L2 penalty, default 0. adamw: decoupled from the gradient, default 0.01. */
  readonly weightDecay?: number;
}

/** torch.optim.Adam. @throws TypeError naming the option, what it got and what is allowed. */
export function adam(options: AdamOptions): Optimizer {
  return adamType.create(options);
}

/** torch.optim.AdamW. @throws TypeError naming the option, what it got and what is allowed. */
export function adamw(options: AdamOptions): Optimizer {
  return adamwType.create(options);
}
