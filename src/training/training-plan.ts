/** From a configuration to numbers: sampling rate, steps, noise. Pure arithmetic on public values, before any record is read. */
import { makeAccountant } from "../privacy/accountant.js";
import { calibrateNoise } from "../privacy/calibrate.js";
import type { TrainingConfig } from "./config.js";
import { ConfigError } from "./config-errors.js";

export interface TrainingPlan {
  /** N: of the configuration where it declares it, else of the data. */
  readonly datasetSize: number;
  /** Whether N comes from the configuration, so that it may be known to everyone. */
  readonly datasetSizeIsPublic: boolean;
  /** q. */
  readonly samplingRate: number;
  /** q·N: what clipped sums are divided by. */
  readonly expectedBatchSize: number;
  /** An epoch is round(1/q) steps, at least one. */
  readonly stepsPerEpoch: number;
  /** T. */
  readonly steps: number;
  /** σ; 0 in a run without privacy. */
  readonly noiseMultiplier: number;
  /** Absent in a run without privacy. */
  readonly privacy?: { readonly delta: number; readonly targetEpsilon?: number | undefined };
}

/** Plans a run on `examples` training examples. Throws a ConfigError where the numbers do not fit each other. */
export function planTraining(config: TrainingConfig, examples: number): TrainingPlan {
  const declared = config.privacy?.datasetSize;
  const datasetSize = declared ?? examples;
  const samplingRate = config.samplingRate ?? (config.batchSize as number) / datasetSize;
  if (!(samplingRate <= 1)) {
    throw new ConfigError(
      `batchSize: got ${config.batchSize}; allowed: at most the number of training examples, ${datasetSize}`,
    );
  }
  const stepsPerEpoch = Math.max(1, Math.round(1 / samplingRate));
  const steps = config.steps ?? Math.max(1, Math.round((config.epochs as number) * stepsPerEpoch));
  if (!Number.isSafeInteger(steps)) {
    const most = Math.floor(Number.MAX_SAFE_INTEGER / stepsPerEpoch);
    throw new ConfigError(
      config.steps === undefined
        ? `epochs: got ${config.epochs}; allowed: a number above 0, at most ${most} at ${stepsPerEpoch} steps an epoch`
        : `steps: got ${steps}; allowed: a whole number, at most ${Number.MAX_SAFE_INTEGER}`,
    );
  }
  const base = {
    datasetSize,
    datasetSizeIsPublic: declared !== undefined,
    samplingRate,
    expectedBatchSize: samplingRate * datasetSize,
    stepsPerEpoch,
    steps,
  };
  if (!config.privacy) return { ...base, noiseMultiplier: 0 };
  const { epsilon, delta } = config.privacy;
  const noiseMultiplier =
    config.privacy.noiseMultiplier ?? calibrateNoise({ samplingRate, steps, epsilon: epsilon as number, delta });
  // Noise that proves nothing must not train under the name of privacy.
  if (makeAccountant("rdp").epsilonAfter({ samplingRate, noiseMultiplier }, 1, delta) === Number.POSITIVE_INFINITY) {
    throw new ConfigError(
      `privacy.noiseMultiplier: got ${noiseMultiplier}; allowed: a number large enough for a finite epsilon`,
    );
  }
  return { ...base, noiseMultiplier, privacy: { delta, targetEpsilon: epsilon } };
}
