/** What `privacy.correlation` goes with, and what a run with it is. */
import { type CorrelatedCharges, chargesOf } from "../correlation/charges.js";
import { type Correlation, type CorrelationConfig, makeCorrelation, workloadOf } from "../correlation/index.js";
import type { Sampling } from "../sampling/index.js";

export interface CorrelationPlan extends CorrelatedCharges {
  readonly correlation: Correlation;
}

/** The key of the option that correlated noise does not go with, and what is allowed there; undefined: it goes. */
export function correlationConflict(options: {
  readonly noise?: string | undefined;
  readonly noiseSchedule?: unknown;
  readonly adaptive: unknown;
  readonly optimizer: string;
}): { readonly key: "privacy" | "clipping" | "optimizer"; readonly allowed: string } | undefined {
  const beside = "beside privacy.correlation";
  if (options.noise === "discrete") {
    const allowed = `noise "gaussian" ${beside}: sums of discrete noise with weights are not discrete Gaussians`;
    return { key: "privacy", allowed };
  }
  if (options.noiseSchedule) {
    const allowed = `no noiseSchedule ${beside}: what is accounted for is one noise multiplier over all steps`;
    return { key: "privacy", allowed };
  }
  if (options.adaptive) {
    const allowed = `no adaptive thresholds ${beside}: each step's counts would need noise that its gradients' does not pay for`;
    return { key: "clipping", allowed };
  }
  if (options.optimizer === "dpAdamBC") {
    const allowed = `another than dpAdamBC ${beside}: what it subtracts is the variance of independent noise`;
    return { key: "optimizer", allowed };
  }
  return undefined;
}

type Optimizer = Parameters<typeof workloadOf>[0];

/**
 * C of a run, and how it is accounted for. Throws a RangeError where its sampling lets an example into any batch, or where there
 * are too many steps.
 */
export function planCorrelation(
  config: CorrelationConfig,
  {
    optimizer,
    sampling,
    steps,
  }: { readonly optimizer: Optimizer; readonly sampling: Sampling; readonly steps: number },
): CorrelationPlan {
  const { participation, mechanism, type } = sampling;
  if (participation === undefined) {
    throw new RangeError(
      `privacy.correlation: got sampling ${type}, by which an example may be in every batch; allowed: cyclicPoisson, bMinSep, ` +
        "shuffle, ballsInBins, which keep its steps apart",
    );
  }
  const correlation = makeCorrelation(config, { steps, participation, workload: workloadOf(optimizer) });
  return { correlation, ...chargesOf(correlation, { mechanism, participation }, steps) };
}
