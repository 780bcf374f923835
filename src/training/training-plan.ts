/** From a configuration to numbers: sampling rate, steps, noise of every step. Pure arithmetic on public values, before any record is read. */
import type { Model } from "../graph/model.js";
import { scheduleFromJSON } from "../optimizers/schedules/index.js";
import { defaultAccountant, makeAccountant, type ProvenAccountant } from "../privacy/accountant.js";
import { adaptiveRule, gradientNoiseMultiplier } from "../privacy/adaptive-threshold.js";
import { calibrateNoise, type NoisePiece, noiseFactorRange } from "../privacy/calibrate.js";
import { checkDeltaOf, checkNumber, ranges } from "../privacy/check.js";
import { type CyclicMechanism, type CyclicSteps, charged, wholeCycle } from "../privacy/cycle.js";
import { discreteShortfall } from "../privacy/discrete-cost.js";
import { defaultRelation, type Relation, underRelation } from "../privacy/relation.js";
import { makeSampling, type Sampling, samplingType } from "../sampling/index.js";
import { clippingGroups } from "./clipping-groups.js";
import { thresholdFactorRange } from "./clipping-state.js";
import { clippingOf, type TrainingConfig } from "./config.js";
import { ConfigError } from "./config-errors.js";
import { type CorrelationPlan, planCorrelation } from "./correlated-noise.js";
import { checkDiscreteCounts, checkDiscreteNoise } from "./discrete-noise.js";
import { buildModel } from "./model-config.js";
import { checkScheduledSteps, noisePieces, positiveFactor } from "./noise-plan.js";

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
  /** σ, before any schedule; 0 in a run without privacy. */
  readonly noiseMultiplier: number;
  /** Every step's mechanism, in order: what is added and accounted for. Empty in a run without privacy. */
  readonly mechanisms: readonly CyclicSteps[];
  /** What draws the batches. */
  readonly sampling: Sampling;
  /** Where noise is correlated from step to step. The mechanisms' noise multipliers are then the accountant's, not σ. */
  readonly correlation?: CorrelationPlan | undefined;
  /** Absent in a run without privacy. */
  readonly privacy?: {
    /** How neighbouring data sets differ: what the mechanisms are accounted for under. */
    readonly relation: Relation;
    readonly delta: number;
    readonly targetEpsilon?: number | undefined;
    readonly accountant: ProvenAccountant;
  };
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
    sampling: aboutKey("", () => makeSampling(config.sampling ?? { type: "poisson" }, { examples, samplingRate })),
  };
  checkThresholdSchedule(config, base);
  if (!config.privacy) return { ...base, noiseMultiplier: 0, mechanisms: [] };
  const { epsilon, delta, accountant = defaultAccountant } = config.privacy;
  aboutKey("", () => checkDeltaOf("privacy.delta", delta, datasetSize));
  const correlation = plannedCorrelation(config, base);
  const pieces = correlation?.pieces ?? plannedNoise(config, base);
  const relation = plannedRelation(config, base.sampling);
  const { noise } = config.privacy;
  const kind = {
    ...underRelation(correlation?.mechanism ?? base.sampling.mechanism, relation),
    ...(noise === "discrete" ? { discreteCoordinates: discreteCoordinates(config) } : {}),
  };
  checkFailure(base, delta);
  const noiseMultiplier = config.privacy.noiseMultiplier ?? calibrated(config.privacy, kind, pieces, accountant);
  const mechanisms = pieces.map(({ factor, steps: count }) => {
    checkScheduledNoise(noiseMultiplier, factor);
    if (noise === "discrete") aboutKey("privacy.noise", () => checkDiscreteNoise(noiseMultiplier * factor));
    return { ...kind, noiseMultiplier: noiseMultiplier * factor, steps: count };
  });
  // Noise that proves nothing must not train under the name of privacy. rdp is asked first: it answers at once.
  const epsilonBy = (name: string) => (rows: readonly CyclicSteps[]) => makeAccountant(name).epsilonWith(rows, delta);
  const provesNothing = (name: string) => epsilonBy(name)(mechanisms) === Number.POSITIVE_INFINITY;
  if (provesNothing("rdp") && provesNothing(accountant)) {
    const shortfall = discreteShortfall(mechanisms.flatMap(charged), delta, epsilonBy(accountant));
    const because = shortfall === undefined ? "" : `: ${shortfall}`;
    throw new ConfigError(
      `privacy.noiseMultiplier: got ${noiseMultiplier}; allowed: a number large enough for a finite epsilon${because}`,
    );
  }
  const plan = {
    ...base,
    noiseMultiplier,
    mechanisms,
    correlation,
    privacy: { relation, delta, targetEpsilon: epsilon, accountant },
  };
  checkCountNoise(config, plan);
  return plan;
}

type Steps = Pick<TrainingPlan, "steps" | "stepsPerEpoch" | "sampling">;

/** δ must pay for every step twice over. */
function checkFailure({ sampling, steps }: Steps, delta: number): void {
  const { failure = 0 } = sampling.mechanism;
  if (2 * failure * steps < delta) return;
  throw new ConfigError(
    `sampling.maxBatch: samples are larger with probability up to ${failure} a step; allowed: a number so large that ` +
      `this is far below delta over all ${steps} steps`,
  );
}

/** The configuration's, or the strongest that its sampling allows. */
function plannedRelation(config: TrainingConfig, { type }: Sampling): Relation {
  const { relation, datasetSize } = config.privacy as NonNullable<TrainingConfig["privacy"]>;
  const { relations } = samplingType(config.sampling?.type ?? "poisson");
  const wanted = relation ?? defaultRelation(datasetSize !== undefined);
  if (relations.includes(wanted)) return wanted;
  if (relation === undefined) return relations[0] as Relation;
  throw new ConfigError(`privacy.relation: got ${relation}; allowed: ${relations.join(", ")} with sampling ${type}`);
}

/** Of a sampler with cycles, by the steps that are charged; their noise is all the same (`plannedNoise`). */
function calibrated(
  { epsilon, delta }: NonNullable<TrainingConfig["privacy"]>,
  kind: Omit<CyclicMechanism, "noiseMultiplier">,
  pieces: readonly NoisePiece[],
  accountant: ProvenAccountant,
): number {
  const { cycle = 1 } = kind;
  const paid = pieces.map((piece) => ({ ...piece, steps: Math.ceil(piece.steps / cycle) }));
  const steps = paid.reduce((sum, piece) => sum + piece.steps, 0);
  return calibrateNoise({ ...wholeCycle(kind), steps, epsilon: epsilon as number, delta, pieces: paid }, accountant);
}

function plannedCorrelation(config: TrainingConfig, { sampling, steps }: Steps): CorrelationPlan | undefined {
  const { correlation } = config.privacy ?? {};
  if (!correlation) return undefined;
  return aboutKey("", () => planCorrelation(correlation, { optimizer: config.optimizer, sampling, steps }));
}

function checkScheduledNoise(noiseMultiplier: number, factor: number): void {
  const { max } = ranges.noiseMultiplier;
  if (noiseMultiplier * factor <= max) return;
  throw new ConfigError(
    `privacy.noiseSchedule: got the factor ${factor} of noise multiplier ${noiseMultiplier}; allowed: at most ${max} together`,
  );
}

function plannedNoise(config: TrainingConfig, { steps, stepsPerEpoch, sampling }: Steps): NoisePiece[] {
  const { privacy } = config;
  if (!privacy?.noiseSchedule) return [{ factor: 1, steps }];
  if ((sampling.mechanism.cycle ?? 1) > 1) {
    throw new ConfigError(
      `privacy.noiseSchedule: allowed: none beside sampling ${sampling.type}, a cycle of which is charged as one step`,
    );
  }
  const schedule = scheduleFromJSON(privacy.noiseSchedule);
  return aboutKey("privacy.noiseSchedule", () => {
    const pieces = noisePieces(schedule, steps, stepsPerEpoch);
    for (const { factor } of pieces) checkNumber("factor", factor, noiseFactorRange);
    return pieces;
  });
}

function checkThresholdSchedule({ clipping }: TrainingConfig, { steps, stepsPerEpoch }: Steps): void {
  if (!clipping.schedule) return;
  const schedule = scheduleFromJSON(clipping.schedule);
  aboutKey("clipping.schedule", () => {
    checkScheduledSteps(steps);
    for (let step = 0; step < steps; step++) {
      checkNumber("factor", positiveFactor(schedule, step, steps, stepsPerEpoch), thresholdFactorRange);
    }
  });
}

/** Whatever gets noise in a step: the gradient's coordinates, and the counts of adaptive thresholds. */
function discreteCoordinates(config: TrainingConfig): number {
  const model = buildModel(config);
  return model.trainableParameterCount + (config.clipping.adaptive ? groupCount(config, model) : 0);
}

function groupCount(config: TrainingConfig, model: Model): number {
  return clippingGroups(model.spec, clippingOf(config)).thresholds.length;
}

/** The largest σ of the run leaves the least for the gradients beside the counts. */
function checkCountNoise(config: TrainingConfig, plan: TrainingPlan): void {
  const { adaptive } = config.clipping;
  if (!adaptive) return;
  const { countNoise } = adaptiveRule(adaptive, plan.expectedBatchSize);
  const largest = plan.mechanisms.reduce((most, row) => Math.max(most, row.noiseMultiplier), 0);
  const check = config.privacy?.noise === "discrete" ? checkDiscreteCounts : gradientNoiseMultiplier;
  aboutKey("", () => check(largest, countNoise, groupCount(config, buildModel(config))));
}

/** Runs `check`; its RangeError becomes a ConfigError about `key`. */
function aboutKey<T>(key: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(key === "" ? error.message : `${key}: ${error.message}`);
  }
}

/** What each planned step is to the accountant, in order; without privacy, steps without noise. */
export function plannedSteps({ mechanisms, samplingRate, steps }: TrainingPlan): readonly CyclicSteps[] {
  return mechanisms.length > 0 ? mechanisms : [{ samplingRate, noiseMultiplier: 0, steps }];
}
