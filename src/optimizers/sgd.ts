import { z } from "zod";
import { coefficient, defineOptimizer, type Optimizer } from "./define.js";

export const sgdType = defineOptimizer(
  "sgd",
  {
    momentum: coefficient(0),
    dampening: z.number().default(0),
    nesterov: z.boolean().default(false),
    weightDecay: coefficient(0),
  },
  ({ nesterov, momentum, dampening }) =>
    nesterov && (momentum === 0 || dampening !== 0) ? "nesterov needs momentum > 0 and dampening 0" : undefined,
);

export interface SgdOptions {
  /** > 0. */
  readonly learningRate: number;
  /** ≥ 0; default 0. */
  readonly momentum?: number;
  /** Of the momentum; default 0. */
  readonly dampening?: number;
  /** Default false; needs momentum and no dampening. */
  readonly nesterov?: boolean;
  /** L2 penalty, ≥ 0; default 0. */
  readonly weightDecay?: number;
}

/** torch.optim.SGD. @throws TypeError naming the option, what it got and what is allowed. */
export function sgd(options: SgdOptions): Optimizer {
  return sgdType.create(options);
}
