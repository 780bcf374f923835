/**
 * The configuration of a training run, as a JSON file says it. An unknown key, a wrong type or an impossible value is
 * one line that names the key, what it got and what is allowed.
 *
 * @example
 * {
 *   "model": "mnist-cnn",
 *   "data": { "format": "mnist" },
 *   "optimizer": { "type": "sgd", "learningRate": 0.5 },
 *   "privacy": { "epsilon": 2, "delta": 1e-5 },
 *   "clipping": { "threshold": 1 },
 *   "batchSize": 512,
 *   "epochs": 15
 * }
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { checkText } from "../arguments.js";
import { correlationSchema } from "../correlation/index.js";
import { lossSchema } from "../losses/index.js";
import { optimizerSchema } from "../optimizers/index.js";
import { scheduleSchema } from "../optimizers/schedules/index.js";
import { provenAccountants } from "../privacy/accountant.js";
import { ranges } from "../privacy/check.js";
import { clipFunctions, clipParameterNames } from "../privacy/clip-functions.js";
import { groupSizeRange } from "../privacy/group.js";
import { relations } from "../privacy/relation.js";
import { type ClippingConfig, clippingConflict, clippingStyles } from "../privacy/sensitivity.js";
import { samplingSchema } from "../sampling/index.js";
import { clippingGroups } from "./clipping-groups.js";
import { compressionConflict } from "./compression.js";
import { ConfigError, configObject, parseConfigValue } from "./config-errors.js";
import { allowed, choice, flag, positive, text, whole } from "./config-values.js";
import { correlationConflict } from "./correlated-noise.js";
import { dataSchema } from "./data-formats.js";
import { discreteNoiseConflict, noiseKinds } from "./discrete-noise.js";
import { whyUnreadable } from "./files.js";
import { buildModel, modelConfig } from "./model-config.js";
import { optionRanges } from "./session-options.js";
import { sparsificationStructures } from "./sparsification.js";

const openUnit = "a number above 0 and below 1";
const noiseText =
  "a number above 0, at most 1e15: without noise no epsilon is finite; leave it out, and it is calibrated for epsilon";
const privacy = configObject({
  /** Target, and with it a hard stop. σ is calibrated from it unless noiseMultiplier is given. */
  epsilon: positive().optional(),
  delta: z.number(allowed(openUnit)).gt(0, allowed(openUnit)).lt(1, allowed(openUnit)),
  noiseMultiplier: positive(noiseText).max(ranges.noiseMultiplier.max, allowed(noiseText)).optional(),
  /** gaussian (default): floating point. discrete: whole numbers and an exact sampler; docs/privacy.md. */
  noise: choice(noiseKinds).optional(),
  /** Correlates the noise from step to step; needs a sampling that keeps an example's steps apart. docs/correlated-noise.md. */
  correlation: correlationSchema.optional(),
  /** Multiplies σ from step to step; every step is accounted for with its own. */
  noiseSchedule: scheduleSchema.optional(),
  /** What accounts for the steps and calibrates σ. Default: prv; a run that is resumed keeps its own. */
  accountant: choice(provenAccountants).optional(),
  /** Declares the number of training examples public; without it, it is taken from the data. */
  datasetSize: whole(1).optional(),
  /** How neighbouring data sets differ. Default: add/remove with datasetSize, zero-out without. */
  relation: choice(relations).optional(),
  unit: choice(["example", "user"]).default("example"),
  /** Somebody with several examples, whose ε is stated beside that of one. Public: `size` must not be counted in the data. */
  group: configObject({
    /** What it is called: patient. */
    name: text.default("group"),
    /** The most examples that one has. */
    size: whole(groupSizeRange.min, groupSizeRange.max),
  }).optional(),
})
  .refine((value) => value.epsilon !== undefined || value.noiseMultiplier !== undefined, {
    path: ["epsilon"],
    error: allowed("a number above 0, unless noiseMultiplier is given"),
  })
  .refine(({ relation, datasetSize }) => relation !== "add/remove" || datasetSize !== undefined, {
    path: ["relation"],
    error: allowed(
      "zero-out, replace-one; add/remove only with datasetSize, which declares the number of examples public: counted in the data, it tells whether an example is there",
    ),
  })
  .refine(({ relation, group }) => relation !== "replace-one" || group === undefined, {
    path: ["group"],
    error: allowed("no group under replace-one, for which nothing is proved"),
  });

const thresholdText = allowed("a number from 1e-20 to 1e20");
const thresholdValue = z
  .number(thresholdText)
  .min(ranges.threshold.min, thresholdText)
  .max(ranges.threshold.max, thresholdText);
const members = z.array(text, allowed("a list of parameter names or layer paths")).min(1, allowed("at least one"));
const group = z.union([members, configObject({ parameters: members, threshold: thresholdValue.optional() })], {
  error: () => allowed('a list of parameter names or layer paths, or an object with "parameters" and "threshold"'),
});
const openShare = "a number above 0 and below 1";
const adaptive = configObject({
  /** γ: the share of gradients that shall be at most C long. */
  quantile: z.number(allowed(openShare)).gt(0, allowed(openShare)).lt(1, allowed(openShare)).optional(),
  /** η, of the logarithm of C. */
  learningRate: positive().max(100, allowed("a number above 0, at most 100")).optional(),
  /** σ_b, of the noise on each group's count; a twentieth of the expected batch size by default. */
  countNoise: positive().optional(),
});

type ClipParameterShape = { [P in (typeof clipParameterNames)[number]]: z.ZodOptional<z.ZodNumber> };
const clipParameterShape = Object.fromEntries(
  clipParameterNames.map((name) => [name, positive().optional()]),
) as ClipParameterShape;

const clipping = configObject({
  function: choice(clipFunctions).default("abadi"),
  style: choice(clippingStyles).default("flat"),
  threshold: thresholdValue.default(1),
  /** By group in the model's order, instead of `threshold`. */
  thresholds: z
    .array(thresholdValue, allowed("a list of numbers from 1e-20 to 1e20"))
    .min(1, allowed("at least one"))
    .optional(),
  /** Of style `groups`: parameter names or layer paths by the group's name. */
  groups: z.record(text, group, allowed("an object of groups by name")).optional(),
  /** The largest weight that the data may give an example. */
  maxWeight: positive().max(1e15, allowed("a number above 0, at most 1e15")).optional(),
  adaptive: adaptive.optional(),
  /** Multiplies every threshold from step to step; the noise follows. */
  schedule: scheduleSchema.optional(),
  /** gamma, r, Z: of the functions that take them. */
  ...clipParameterShape,
}).superRefine(checkClippingTogether);

const unitInterval = "a number above 0, at most 1";
const compression = configObject({
  type: choice(["topK"]),
  /** The share of coordinates that the optimizer sees. */
  keep: z.number(allowed(unitInterval)).gt(0, allowed(unitInterval)).max(1, allowed(unitInterval)),
  errorFeedback: flag.default(false),
});

const belowOne = "a number, at least 0 and below 1";
/** By what coordinates are chosen, instead of at random: gradients of public examples, or of the training data itself. */
const source = configObject({
  /** Data whose training part is public. */
  public: dataSchema.optional(),
  /** The training data's own gradients: not private. */
  training: z.literal(true, allowed("true")).optional(),
  /** The first ones, instead of all. */
  examples: whole(1).optional(),
}).superRefine((value, context) => {
  if ((value.public === undefined) !== (value.training === undefined)) return;
  context.addIssue({
    code: "custom",
    path: ["public"],
    message: allowed("one of public (data whose training part is public) and training: true"),
  });
});

const sparsification = configObject({
  rate: z.number(allowed(belowOne)).min(0, allowed(belowOne)).lt(1, allowed(belowOne)),
  refreshesPerEpoch: whole(1).default(1),
  /** gradual: from 0 at the first refresh to `rate` at the last. */
  cooling: choice(["gradual", "constant"]).default("gradual"),
  /** Whole slices instead of single coordinates. */
  structured: choice(sparsificationStructures).optional(),
  source: source.optional(),
}).refine(({ source, structured }) => source === undefined || structured === undefined, {
  path: ["structured"],
  error: allowed("single coordinates alone beside source"),
});

/** Exponential moving average of the parameters, evaluated and written beside the model. */
const ema = configObject({
  decay: z.number(allowed(belowOne)).min(0, allowed(belowOne)).lt(1, allowed(belowOne)).default(0.9999),
});

const strategies = ["auto", "none", "naive", "materialize", "fused", "reweight", "ghost"] as const;

export const configSchema = configObject({
  /** Names the run and its folder. */
  name: z
    .string(allowed("letters, digits, '.', '_' and '-'"))
    .regex(/^[\w.-]+$/, allowed("letters, digits, '.', '_' and '-'"))
    .optional(),
  model: modelConfig,
  data: dataSchema,
  loss: lossSchema.default({ type: "crossEntropy", ignoreIndex: -100, labelSmoothing: 0 }),
  optimizer: optimizerSchema,
  schedule: scheduleSchema.default({ type: "constant" }),
  privacy: privacy.optional(),
  clipping: clipping.default({ function: "abadi", style: "flat", threshold: 1 }),
  /** Drops random coordinates from gradients and noise. */
  sparsification: sparsification.optional(),
  /** The optimizer sees the largest coordinates of the noisy gradient alone. */
  compression: compression.optional(),
  ema: ema.optional(),
  /** How examples come into batches; Poisson by default. What each is accounted as: docs/accounting.md. */
  sampling: samplingSchema.optional(),
  /** Expected size q·N of a batch. */
  batchSize: positive().optional(),
  samplingRate: z.number(allowed(unitInterval)).gt(0, allowed(unitInterval)).max(1, allowed(unitInterval)).optional(),
  epochs: positive().optional(),
  steps: whole(1).optional(),
  strategy: choice(strategies).default("auto"),
  /** Examples executed together; 0 or absent: chosen from cache and memory sizes. */
  chunkSize: whole(0).default(0),
  /** 0: one a core. */
  threads: whole(0)
    .max(optionRanges.threads.max, allowed(`a whole number from 0 to ${optionRanges.threads.max}`))
    .default(0),
  deterministic: flag.default(false),
  /** Makes the run reproducible, and not private. */
  seed: whole(0).optional(),
  /** Steps between checkpoints; an epoch by default. */
  checkpointEvery: whole(1).optional(),
}).superRefine(checkTogether);

export type TrainingConfig = z.output<typeof configSchema>;
export type TrainingConfigInput = z.input<typeof configSchema>;

/** Checks a configuration object. Throws a ConfigError; `source` stands for the file in it. */
export function parseConfig(value: unknown, source = "config"): TrainingConfig {
  checkText("source", source);
  return parseConfigValue(source, configSchema, value);
}

/** Reads a configuration file's JSON, unchecked. Throws a ConfigError. */
export function readConfigJson(path: string): unknown {
  checkText("path", path);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(`${path}: ${whyUnreadable(error)}; give the path of a JSON configuration`);
  }
  return parseConfigJson(text, path);
}

/** The JSON in a configuration file's text, unchecked. Throws a ConfigError; `path` stands for the file in it. */
export function parseConfigJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${path}: ${(error as Error).message}`);
  }
}

/** Reads and checks a configuration file. Throws a ConfigError. */
export function readConfig(path: string): TrainingConfig {
  return parseConfig(readConfigJson(path), path);
}

/** What a command line may say instead of the file. */
export interface ConfigOverrides {
  readonly epochs?: number | undefined;
  readonly steps?: number | undefined;
  readonly seed?: number | undefined;
  readonly threads?: number | undefined;
  /** The folder with the data; an absolute path. */
  readonly data?: string | undefined;
}

/** The configuration's JSON with what the command line says instead; `epochs` replaces `steps` and the reverse. */
export function applyOverrides(json: unknown, { epochs, steps, seed, threads, data }: ConfigOverrides): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return json;
  const config: Record<string, unknown> = { ...json };
  if (epochs !== undefined || steps !== undefined) {
    delete config.epochs;
    delete config.steps;
  }
  for (const [key, value] of Object.entries({ epochs, steps, seed, threads })) {
    if (value !== undefined) config[key] = value;
  }
  if (data !== undefined) config.data = { ...(config.data as object | undefined), folder: data };
  return config;
}

/** The configuration of clipping alone, as sessions take it: schedules are the trainer's. */
export function clippingOf({ clipping }: Pick<TrainingConfig, "clipping">): ClippingConfig {
  const { schedule, ...config } = clipping;
  return config;
}

function checkClippingTogether(
  config: ClippingConfig & { readonly schedule?: unknown },
  context: z.core.$RefinementCtx,
): void {
  const refuse = (key: string, message: string) =>
    context.addIssue({ code: "custom", path: [key], message: allowed(message) });
  const conflict = clippingConflict(config);
  if (conflict) refuse(conflict.key, conflict.allowed);
  if (config.adaptive && config.schedule) refuse("schedule", "no schedule beside adaptive thresholds");
}

type Checked = {
  readonly model: TrainingConfig["model"];
  readonly clipping: TrainingConfig["clipping"];
  readonly batchSize?: number | undefined;
  readonly samplingRate?: number | undefined;
  readonly epochs?: number | undefined;
  readonly steps?: number | undefined;
  readonly strategy: string;
  readonly data: TrainingConfig["data"];
  readonly optimizer: { readonly type: string };
  readonly compression?: unknown;
  readonly seed?: number | undefined;
  readonly sparsification?: { readonly source?: z.output<typeof source> | undefined } | undefined;
  readonly sampling?: { readonly type: string } | undefined;
  readonly privacy?:
    | {
        readonly datasetSize?: number | undefined;
        readonly noise?: string | undefined;
        readonly noiseSchedule?: unknown;
        readonly correlation?: unknown;
        readonly group?: unknown;
      }
    | undefined;
};

/** What single keys cannot see: exactly one of two, and no privacy without noise or noise without privacy. */
function checkTogether(config: Checked, context: z.core.$RefinementCtx): void {
  const refuse = (key: string, message: string) =>
    context.addIssue({ code: "custom", path: [key], message: allowed(message) });
  if ((config.batchSize === undefined) === (config.samplingRate === undefined)) {
    refuse("batchSize", "exactly one of batchSize (q·N) and samplingRate (q)");
  }
  if ((config.epochs === undefined) === (config.steps === undefined)) {
    refuse("epochs", "exactly one of epochs and steps");
  }
  if (config.strategy === "none" && config.privacy !== undefined) {
    refuse("strategy", "none only without privacy: it does not clip, so no noise makes it private");
  }
  if (config.strategy !== "none" && config.privacy === undefined) {
    refuse("privacy", 'an object with epsilon and delta; "strategy": "none" trains without privacy');
  }
  if (config.strategy === "none" && config.clipping.adaptive !== undefined) {
    refuse("clipping", "adaptive thresholds only with privacy and a strategy that clips");
  }
  const chosenBy = config.sparsification?.source;
  const isPrivate = config.strategy !== "none" && config.seed === undefined;
  if (isPrivate && chosenBy?.training) {
    refuse(
      "sparsification",
      "source.training only in runs that are not private (strategy none, or a seed): coordinates chosen by gradients " +
        "of the training data tell about it, and epsilon does not cover that; source.public chooses by public data",
    );
  }
  const { strategy, clipping } = config;
  const unfit = config.privacy?.noise === "discrete" && discreteNoiseConflict(strategy);
  if (unfit) refuse(unfit.key, unfit.allowed);
  const unfitCorrelation = config.privacy?.correlation
    ? correlationConflict({ ...config.privacy, adaptive: clipping.adaptive, optimizer: config.optimizer.type })
    : undefined;
  if (unfitCorrelation) refuse(unfitCorrelation.key, unfitCorrelation.allowed);
  if (config.privacy?.group && (config.sampling?.type ?? "poisson") !== "poisson") {
    refuse("sampling", "poisson with privacy.group: for other samplers nothing is proved of groups");
  }
  const conflict = config.compression === undefined ? undefined : compressionConflict(config.optimizer.type);
  if (conflict !== undefined) refuse("compression", conflict);
  try {
    clippingGroups(buildModel(config).spec, clippingOf(config));
  } catch (error) {
    context.addIssue({ code: "custom", path: ["clipping"], message: (error as Error).message });
  }
  const declared = config.privacy?.datasetSize;
  // What is left after damaged records is a count of private data: no guarantee may rest on it.
  if ("corrupt" in config.data && config.data.corrupt === "skip" && config.privacy && declared === undefined) {
    context.addIssue({
      code: "custom",
      path: ["privacy", "datasetSize"],
      message: allowed('the public number of training examples, because data.corrupt "skip" leaves some out'),
    });
  }
  if (declared !== undefined && config.batchSize !== undefined && config.batchSize > declared) {
    refuse("batchSize", `at most privacy.datasetSize, ${declared}`);
  }
}
