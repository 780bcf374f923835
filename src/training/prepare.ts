/** Puts a run together: plan, folder, session, sampler, what was spent before. */
import { renameSync } from "node:fs";
import { makeCorrelation, prefixSums } from "../correlation/index.js";
import { AugmentedDataset } from "../data/augment.js";
import type { Dataset } from "../data/dataset.js";
import type { Model } from "../graph/model.js";
import { elementCount, showShape } from "../graph/shape.js";
import { lossFromJSON } from "../losses/index.js";
import { optimizerFromJSON } from "../optimizers/index.js";
import { scheduleFromJSON } from "../optimizers/schedules/index.js";
import { adaptiveRule } from "../privacy/adaptive-threshold.js";
import { cycleFrom, cycleWithin } from "../privacy/cycle.js";
import { discreteNoiseRange } from "../privacy/discrete-gaussian.js";
import { RandomKeys } from "../privacy/random.js";
import { defaultRelation } from "../privacy/relation.js";
import { sensitivity, weightBound } from "../privacy/sensitivity.js";
import { withAccountant } from "./accountant-choice.js";
import { type LoadedState, loadLastState, type RunState, restoreState } from "./checkpoint.js";
import { type ClippingGroups, clippingGroups } from "./clipping-groups.js";
import { clippingOf, parseConfig, type TrainingConfig } from "./config.js";
import { ConfigError } from "./config-errors.js";
import type { CorrelationPlan } from "./correlated-noise.js";
import { fingerprint } from "./fingerprint.js";
import { InformedMask, makeProbe } from "./informed-mask.js";
import { buildModel } from "./model-config.js";
import { keepsNoise, restoreNoise } from "./noise-file.js";
import { ParameterAverage } from "./parameter-average.js";
import { PrivacyMeter } from "./privacy-meter.js";
import { largestReservation } from "./reservation-size.js";
import { RunDirectory, type RunFacts, runPaths } from "./run-directory.js";
import { RunFiles } from "./run-files.js";
import { createSession, type Session } from "./session.js";
import type { PrivacyOptions } from "./session-options.js";
import { type SessionPlan, withProbe } from "./session-plan.js";
import { refreshAt, type SparsificationRefresh } from "./sparsification.js";
import type { TrainerOptions } from "./trainer.js";
import { plannedSteps, planTraining, type TrainingPlan } from "./training-plan.js";

export interface PreparedRun {
  readonly plan: TrainingPlan;
  readonly session: Session;
  readonly meter: PrivacyMeter;
  readonly files: RunFiles | undefined;
  /** The training data as steps read them, augmented where the configuration says so. */
  readonly train: Dataset;
  /** Logical batches without end. */
  readonly sampler: Iterable<Uint32Array>;
  /** Of the step after `stepsTaken` steps. */
  learningRate(stepsTaken: number): number;
  /** What thresholds are multiplied by in that step. */
  thresholdFactor(stepsTaken: number): number;
  /** What is dropped in the step after `stepsTaken` steps; undefined without sparsification. */
  refresh(stepsTaken: number): SparsificationRefresh | undefined;
  /** Where coordinates are not dropped at random. */
  readonly informed: InformedMask | undefined;
  /** Of the parameters, where the configuration asks for it. */
  readonly average: ParameterAverage | undefined;
  /** Where the model stands. */
  readonly start: RunState;
  /** Names the last checkpoint and what is wrong with it, where the run goes on from the one before. */
  readonly damagedCheckpoint: string | undefined;
}

type StepNumbers = Pick<TrainingPlan, "noiseMultiplier" | "expectedBatchSize"> & {
  readonly correlation?: Pick<CorrelationPlan, "correlation"> | undefined;
};

/** A session as the configuration says; with a plan, ready for `step()`. Without one nothing is adapted: no steps come. */
export function makeSession(config: TrainingConfig, model: Model, plan?: StepNumbers): Session {
  const { strategy, chunkSize, threads, deterministic, seed, sparsification, compression } = config;
  const { multiplicity } = config.data.augmentation ?? {};
  return createSession(model, {
    loss: lossFromJSON(config.loss),
    optimizer: optimizerFromJSON(config.optimizer),
    clipping: plan ? clippingOf(config) : { ...clippingOf(config), adaptive: undefined },
    ...(sparsification ? { sparsification: { rate: sparsification.rate, structured: sparsification.structured } } : {}),
    ...(compression ? { compression } : {}),
    ...(multiplicity === undefined ? {} : { augmentationMultiplicity: multiplicity }),
    strategy,
    chunkSize,
    threads,
    deterministic,
    ...(seed === undefined ? {} : { seed }),
    ...(plan ? { privacy: privacyOf(config, plan) } : {}),
  });
}

/** What a run will take, and by which methods; trains nothing. */
export function planRun(config: TrainingConfig): SessionPlan {
  const model = buildModel(config);
  const numbers = numbersForPlan(config);
  const session = makeSession(config, model, numbers);
  const plan = session.plan(config.batchSize ?? session.sliceSize);
  session.dispose();
  if (config.sparsification?.source === undefined) return plan;
  const probe = makeProbe(config, model);
  const whole = withProbe(plan, probe.plan(2 * probe.sliceSize), model.trainableParameterCount); // more than a slice
  probe.dispose();
  return whole;
}

/** Discrete noise decides how sums are kept, correlated noise has memory; numbers do not matter where no steps are taken. */
function numbersForPlan({ privacy, steps = 2 ** 12 }: TrainingConfig): StepNumbers | undefined {
  // The least noise, so that what adaptive thresholds' counts have of it suffices.
  const numbers = { noiseMultiplier: discreteNoiseRange.min, expectedBatchSize: 1 };
  if (!privacy?.correlation) return privacy?.noise === "discrete" ? numbers : undefined;
  const setting = { steps, participation: { pattern: "cyclic", steps }, workload: prefixSums } as const;
  return { ...numbers, correlation: { correlation: makeCorrelation(privacy.correlation, setting) } };
}

function privacyOf(
  { privacy }: TrainingConfig,
  { noiseMultiplier, expectedBatchSize, correlation }: StepNumbers,
): PrivacyOptions {
  return { noiseMultiplier, expectedBatchSize, noise: privacy?.noise, correlation: correlation?.correlation };
}

/**
 * Everything that a run starts from; nothing is trained. Throws a ConfigError, RunDirectoryError or DataError, having
 * let go of the folder.
 */
export function prepareRun(given: TrainerOptions): PreparedRun {
  const config = withAccountant(parseConfig(given.config), given.resume ? given.out : undefined);
  const options = { ...given, config };
  const { train } = options;
  const plan = planTraining(config, train.size);
  const model = buildModel(config);
  checkData(options, model);
  checkWeights(options);
  const groups = clippingGroups(model.spec, clippingOf(config));
  const { directory, state } = openDirectory(options, plan, groups);
  let session: Session | undefined;
  let informed: InformedMask | undefined;
  try {
    session = makeSession(config, model, plan);
    informed = makeInformedMask(options, model);
    const average = config.ema && new ParameterAverage(config.ema.decay, session.parameters());
    if (state) restoreState(state, session, average);
    if (state && directory && keepsNoise(plan, session)) restoreNoise(directory.files, state, session);
    // A run that died before its first checkpoint starts again, its steps counted.
    const start: RunState = { step: state?.step ?? 0, seconds: state?.seconds ?? 0 };
    if (state?.damaged) setAside(runPaths(options.out as string).state);
    // Every process draws cycles of its own, but where noise is carried on.
    const cycles = plan.correlation?.carried ? cycleWithin : cycleFrom;
    const rest: TrainingPlan = { ...plan, mechanisms: cycles(plan.mechanisms, start.step) };
    const meter = new PrivacyMeter(rest, directory?.spent ?? [], start.step);
    const files =
      directory && new RunFiles({ ...options, directory, plan: rest, groups, seeded: session.seeded, start, average });
    const base = optimizerFromJSON(config.optimizer).learningRate;
    const learningRate = factorOf(config.schedule, plan);
    return {
      plan,
      session,
      meter,
      files,
      informed,
      average,
      start,
      damagedCheckpoint: state?.damaged,
      ...drawFrom(options, plan, start.step),
      refresh: (stepsTaken) => config.sparsification && refreshAt(config.sparsification, stepsTaken, plan),
      learningRate: (stepsTaken) => base * learningRate(stepsTaken),
      thresholdFactor: factorOf(config.clipping.schedule ?? { type: "constant" }, plan),
    };
  } catch (error) {
    session?.dispose();
    informed?.dispose();
    directory?.release();
    throw error;
  }
}

function makeInformedMask(options: TrainerOptions, model: Model): InformedMask | undefined {
  const { config, train } = options;
  const source = config.sparsification?.source;
  if (source?.training) return new InformedMask(config, model, train, "private", source.examples);
  return source && options.public && new InformedMask(config, model, options.public, "public", source.examples);
}

function factorOf(json: unknown, { steps, stepsPerEpoch }: TrainingPlan): (stepsTaken: number) => number {
  const schedule = scheduleFromJSON(json);
  return (stepsTaken) => schedule.factor(stepsTaken, steps, stepsPerEpoch);
}

interface Opened {
  readonly directory?: RunDirectory;
  /** To be gone on from. */
  readonly state?: LoadedState | undefined;
}

function openDirectory(options: TrainerOptions, plan: TrainingPlan, groups: ClippingGroups): Opened {
  const { config, out, resume } = options;
  if (out === undefined) return {};
  if (!resume) return { directory: RunDirectory.create(out, factsOf(config, plan, groups)) };
  let state: LoadedState | undefined;
  const directory = RunDirectory.resume(out, fingerprint(config, plan), () => {
    state = loadLastState(runPaths(out));
    return { step: state?.step ?? 0, from: state };
  });
  return { directory, state };
}

/** What the ledger says of the run for good. */
function factsOf(config: TrainingConfig, plan: TrainingPlan, groups: ClippingGroups): RunFacts {
  const clipping = clippingOf(config);
  const { adaptive } = clipping;
  return {
    fingerprint: fingerprint(config, plan),
    seeded: config.seed !== undefined,
    sampler: plan.sampling.type,
    relation: plan.privacy?.relation ?? defaultRelation(plan.datasetSizeIsPublic),
    unit: config.privacy?.unit ?? "example",
    ...(plan.privacy ? { accountant: plan.privacy.accountant } : {}),
    delta: plan.privacy?.delta ?? null,
    ...(plan.correlation
      ? { correlation: { ...plan.correlation.correlation.config, carried: plan.correlation.carried } }
      : {}),
    clipping: {
      function: clipping.function,
      style: clipping.style,
      thresholds: [...groups.thresholds],
      sensitivity: sensitivity(clipping),
      countNoise: adaptive ? adaptiveRule(adaptive, plan.expectedBatchSize).countNoise : null,
    },
    mechanisms: [...plannedSteps(plan)],
    largestReservation: largestReservation(plan),
  };
}

/** So that it does not take the place of the good one when the next is written. */
function setAside(damaged: string): void {
  renameSync(damaged, damaged.replace(/\.safetensors$/, ".damaged.safetensors"));
}

/** Fresh keys for every process; a seeded run goes on in its streams where it stopped, so that it repeats to the bit. */
function drawFrom(
  { config, train }: TrainerOptions,
  plan: TrainingPlan,
  stepsTaken: number,
): Pick<PreparedRun, "train" | "sampler"> {
  const keys = new RandomKeys(config.seed);
  const batches = plan.sampling.draw(keys.stream("sampling"));
  const { augmentation } = config.data;
  const { ignoreIndex } = lossFromJSON(config.loss).attributes;
  const ignored = typeof ignoreIndex === "number" ? ignoreIndex : undefined;
  const augmented = augmentation && new AugmentedDataset(train, augmentation, keys.stream("augmentation"), ignored);
  keys.wipe();
  // Carried noise counts on an example's turns being the same in every process.
  const turns = plan.correlation?.carried ? stepsTaken % (plan.sampling.participation?.steps ?? 1) : 0;
  for (let turn = 0; turn < turns && config.seed === undefined; turn++) batches.next();
  if (config.seed !== undefined) {
    for (let step = 0; step < stepsTaken; step++) {
      const { length } = batches.next().value;
      augmented?.skip(length);
    }
  }
  return { train: augmented ?? train, sampler: { [Symbol.iterator]: () => batches } };
}

/** Weights are public: better refused now than in the step that happens to draw one. */
function checkWeights({ config, train }: TrainerOptions): void {
  const { weights } = train;
  const most = weightBound(config.clipping);
  const refuse = (came: string, expected: string): never => {
    throw new ConfigError(`clipping.maxWeight: ${came} in the training data; allowed: ${expected}`);
  };
  if (weights === undefined && most < 1) refuse("no weights, so that each example counts 1,", "at least 1");
  if (weights && weights.length !== train.size) refuse(`${weights.length} weights`, `${train.size}, one an example`);
  const wrong = weights?.find((weight) => !(weight >= 0 && weight <= most));
  if (wrong !== undefined) refuse(`a weight of ${wrong}`, `weights from 0 to ${most}`);
}

function checkData({ config, train, test, public: shown, classes }: TrainerOptions, model: Model): void {
  if (config.sparsification?.source?.public && !shown?.size) {
    throw new ConfigError("sparsification.source.public: no public examples were given; allowed: at least one");
  }
  const wanted = lossFromJSON(config.loss).targetKind;
  if (shown === train)
    throw new ConfigError("public: got the training data; allowed: other examples, which are public");
  for (const [name, dataset] of [
    ["training data", train],
    ["test data", test],
    ["public data", shown],
  ] as const) {
    if (!dataset) continue;
    if (elementCount(dataset.inputShape) !== elementCount(model.inputShape)) {
      throw new ConfigError(
        `model: takes ${showShape(model.inputShape)}, the ${name} has ${showShape(dataset.inputShape)}`,
      );
    }
    if (dataset.targetKind !== wanted) {
      throw new ConfigError(`loss: ${config.loss.type} takes ${wanted}, the ${name} has ${dataset.targetKind}`);
    }
    checkTargets(name, dataset, model);
  }
  const outputs = model.outputShape.at(-1) ?? 1;
  if (wanted === "classes" && classes && classes.length > outputs) {
    throw new ConfigError(`model: gives ${outputs} classes, the data has ${classes.length}: ${classes.join(", ")}`);
  }
}

const counted = (targets: number) => `${targets} ${targets === 1 ? "target" : "targets"}`;

/** A class for each position of the output, or a number for each element of it. */
function checkTargets(name: string, dataset: Dataset, model: Model): void {
  const elements = elementCount(model.outputShape);
  const isClass = dataset.targetKind === "classes";
  const wanted = isClass ? elements / (model.outputShape.at(-1) ?? 1) : elements;
  if (dataset.targetElements === wanted) return;
  throw new ConfigError(
    `model: gives ${showShape(model.outputShape)}, to which belong ${counted(wanted)} an example; the ${name} has ` +
      `${counted(dataset.targetElements)}`,
  );
}
