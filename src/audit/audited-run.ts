/**
 * The runs that an audit takes: the user's model, loss, data, clipping, sampling rate and noise through the trainer,
 * changed only in what ε does not depend on.
 */
import { sensitivity } from "../privacy/sensitivity.js";
import { clippingOf, type TrainingConfig } from "../training/config.js";
import { ConfigError } from "../training/config-errors.js";
import { planTraining, type TrainingPlan } from "../training/training-plan.js";
import type { Claim } from "./shown-bound.js";

/**
 * A step's noise moves a weight by this much: far above float32's rounding, and so little that a model does not learn the
 * canary, whose gradient would then vanish.
 */
const MOVE = 2 ** -14;

/**
 * The same mechanism on `records` records for `steps` steps. Noise is given, and not a target, so that nothing stops early.
 * @throws ConfigError where the configuration claims no privacy.
 */
export function sameMechanism(config: TrainingConfig, examples: number, steps: number, records: number) {
  const { privacy, sparsification } = config;
  if (!privacy) throw new ConfigError("privacy: this run claims none, so there is nothing to audit");
  if (privacy.correlation) {
    throw new ConfigError(
      "privacy.correlation: got correlated noise, which the audit would take for reused; allowed: none in a run to be audited",
    );
  }
  const { samplingRate, noiseMultiplier } = planTraining(config, examples);
  const audited: TrainingConfig = {
    ...config,
    privacy: { ...privacy, epsilon: undefined, noiseMultiplier, datasetSize: records },
    samplingRate,
    batchSize: undefined,
    steps,
    epochs: undefined,
    seed: undefined,
    sparsification: sparsification && { ...sparsification, source: undefined },
  };
  const plan = planTraining(audited, records);
  const claim: Claim = { mechanisms: plan.mechanisms, delta: privacy.delta };
  return { config: audited, plan, claim };
}

/**
 * With plain SGD, so that a step's noisy sum can be read off the parameters: what an optimizer, a schedule or compression
 * makes of that sum costs no privacy. Without augmentation, so that the auditor knows what was read.
 */
export function readableSteps(config: TrainingConfig, plan: TrainingPlan): TrainingConfig {
  const noise = plan.noiseMultiplier * sensitivity(clippingOf(config));
  return {
    ...config,
    optimizer: {
      type: "sgd",
      learningRate: (MOVE * plan.expectedBatchSize) / noise,
      momentum: 0,
      dampening: 0,
      nesterov: false,
      weightDecay: 0,
    },
    schedule: { type: "constant" },
    compression: undefined,
    data: { ...config.data, augmentation: undefined },
  };
}
