import { z } from "zod";
import { decayRate, defineOptimizer, type Optimizer } from "./define.js";

export const dpAdamBCType = defineOptimizer("dpAdamBC", {
  betas: z.tuple([decayRate, decayRate]).default([0.9, 0.999]),
  // As in the authors' code; the paper tunes it by task.
  floor: z.number().positive({ error: "must be a finite number > 0" }).default(1e-8),
});

export interface DpAdamBCOptions {
  /** > 0. */
  readonly learningRate: number;
  /** Decay rates of the running averages of gradient and squared gradient, in [0, 1); default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** The least second moment to divide by, γ′ in the paper: > 0; default 1e-8. Worth tuning. */
  readonly floor?: number;
}

/**
 * DP-AdamBC (Tang, Shpilevskiy, Lécuyer 2023): Adam whose second moment is freed of the noise's variance,
 * p ← p − lr · m̂/√max(v̂ − Φ, floor). Φ is the bias-corrected running average, at β₂, of (σS/qN)² in the steps where
 * the coordinate had noise. Without noise Φ is 0, which is Adam with that floor under the root. Needs a session, which
 * knows the noise of each step.
 * @throws TypeError naming the option, what it got and what is allowed.
 */
export function dpAdamBC(options: DpAdamBCOptions): Optimizer {
  return dpAdamBCType.create(options);
}
