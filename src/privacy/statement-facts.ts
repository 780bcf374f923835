/** What a statement is made from. A caller without types may get each fact wrong: all are checked before any is copied. */
import { checkChoice, checkFlag, checkKeys, checkList, checkObject, checkText, checkTexts } from "../arguments.js";
import { samplerNames } from "../sampling/index.js";
import { strategyNames } from "../training/session-options.js";
import { type Accountant, checkAccountant } from "./accountant.js";
import { checkNumber, type NumberRange, ranges } from "./check.js";
import { groupSizeRange } from "./group.js";
import { type Relation, relations } from "./relation.js";
import { type ClippingConfig, checkClipping } from "./sensitivity.js";
import { OWN_BATCHES } from "./statement-conflicts.js";

export interface PrivacyFacts {
  readonly status: keyof typeof statusMeanings;
  readonly software: { readonly name: string; readonly version: string };
  /** Holds every step that was taken or reserved. */
  readonly accountant: Accountant;
  readonly delta: number;
  /** The hard stop, where there is one. */
  readonly targetEpsilon?: number | undefined;
  /** Steps whose results are in the model; at most those of the accountant. */
  readonly stepsTaken: number;
  readonly clipping: ClippingConfig;
  /** Thresholds by group, where the groups of the model are known. */
  readonly groups?: readonly { readonly name: string; readonly threshold: number }[] | undefined;
  /** What thresholds and noise multipliers are multiplied by from step to step; null: nothing. */
  readonly schedules?: { readonly threshold: unknown; readonly noise: unknown } | undefined;
  /** σ of the planned steps, each once, at least one: what adaptive clipping divides between counts and gradients. */
  readonly noiseMultipliers?: readonly number[] | undefined;
  /** Sparsification, where there is any, and by what data coordinates were chosen if not at random. */
  readonly maskFrom?: "public" | "private" | undefined;
  readonly sparsification?: Readonly<Record<string, unknown>> | undefined;
  /** Of the noisy gradient, where there is any. */
  readonly compression?: Readonly<Record<string, unknown>> | undefined;
  readonly strategy: string;
  /** Of the noise from step to step, where there is any. */
  readonly correlation?: CorrelationFacts | undefined;
  /** A seeded run is reproducible by everyone who knows the seed. */
  readonly seeded: boolean;
  readonly unit: "example" | "user";
  /** That the accountant's steps are of; by default the strongest that they, the sampler and the data set's size allow. */
  readonly relation?: Relation | undefined;
  /** Somebody to whom up to `size` examples belong, as the owner declares. */
  readonly group?: { readonly name: string; readonly size: number } | undefined;
  readonly sampling: {
    /** One of `samplerNames`, as which the accountant has the steps; `own`: the caller's batches, of which it knows nothing. */
    readonly sampler: string;
    /** What its steps are to the accountant, in words. */
    readonly accountedAs?: string | undefined;
    readonly datasetSize: number;
    /** N was declared public in the configuration; otherwise it was counted in the private data. */
    readonly datasetSizeIsPublic: boolean;
    /** q·N: what sums are divided by. */
    readonly expectedBatchSize: number;
  };
  /** Data that shaped the run without being protected, as its owner declared it: pretraining, tuning. */
  readonly publicData?: readonly string[] | undefined;
}

/** C of the noise σS·C⁻¹z, whose columns have norm 1 at most. */
export interface CorrelationFacts {
  readonly type: string;
  readonly method: string;
  readonly bands?: number;
  readonly buffers?: number;
  /** σ: of z, over the clipped sum's sensitivity. */
  readonly noiseMultiplier: number;
  /** How far apart the steps of one example lie. */
  readonly participation: { readonly pattern: string; readonly steps: number };
  /** A process that resumes goes on with the noise before it, which is kept as a secret beside the checkpoints. */
  readonly carried: boolean;
}

export const statusMeanings = {
  running: "under way, or its process died: the steps that were reserved are counted",
  interrupted: "stopped by its owner before its last step; it can be resumed",
  finished: "all planned steps were taken",
  budget: "stopped before its last step: one more would have exceeded targetEpsilon",
} as const;

export const unitMeanings: Readonly<Record<PrivacyFacts["unit"], string>> = {
  example: "one record of the training data; who has several records is protected less",
  user: "one user, of whom the training data holds exactly one record, as its owner declares",
};

const positive: NumberRange = { min: 0, max: Number.MAX_VALUE, openMin: true };
const atLeastOne: NumberRange = { ...ranges.steps, min: 1 };

type Check<T> = (name: string, value: T) => void;

/** By fact; absent ones are looked at where they must be there. */
const checks: { readonly [Fact in keyof PrivacyFacts]-?: Check<NonNullable<PrivacyFacts[Fact]>> } = {
  status: (name, value) => checkChoice(name, value, Object.keys(statusMeanings)),
  software: (name, value) => {
    checkObject(name, value, "an object of name, version");
    checkText(`${name}.name`, value.name);
    checkText(`${name}.version`, value.version);
  },
  accountant: checkAccountant,
  delta: (name, value) => checkNumber(name, value, ranges.delta),
  targetEpsilon: (name, value) => checkNumber(name, value, ranges.epsilon),
  stepsTaken: (name, value) => checkNumber(name, value, ranges.steps),
  clipping: (_, value) => checkClipping(value),
  groups: checkGroups,
  schedules: (name, value) => {
    checkKeys(name, value, ["threshold", "noise"]);
    for (const key of ["threshold", "noise"] as const) {
      if (value[key] !== null) checkObject(`${name}.${key}`, value[key], "a schedule as JSON, or null");
    }
  },
  noiseMultipliers: (name, value) => {
    checkList(name, value, "numbers");
    if (value.length === 0) throw new RangeError(`${name}: got none; allowed: at least one number, or no list`);
    for (const [i, one] of value.entries()) checkNumber(`${name}[${i}]`, one, ranges.noiseMultiplier);
  },
  maskFrom: (name, value) => checkChoice(name, value, ["public", "private"]),
  sparsification: (name, value) => checkObject(name, value, "the configuration's"),
  compression: (name, value) => checkObject(name, value, "the configuration's"),
  strategy: (name, value) => checkChoice(name, value, strategyNames),
  correlation: checkCorrelation,
  seeded: checkFlag,
  unit: (name, value) => checkChoice(name, value, Object.keys(unitMeanings)),
  relation: (name, value) => checkChoice(name, value, relations),
  group: (name, value) => {
    checkKeys(name, value, ["name", "size"]);
    checkText(`${name}.name`, value.name);
    checkNumber(`${name}.size`, value.size, groupSizeRange);
  },
  sampling: checkSampling,
  publicData: checkTexts,
};

const optional: ReadonlySet<string> = new Set<keyof PrivacyFacts>([
  ...([
    "targetEpsilon",
    "groups",
    "schedules",
    "noiseMultipliers",
    "maskFrom",
    "sparsification",
    "compression",
  ] as const),
  ...(["correlation", "relation", "group", "publicData"] as const),
]);

/** @throws TypeError or RangeError that names the fact, what came and what is allowed. */
export function checkFacts(facts: PrivacyFacts): void {
  const known = Object.keys(checks) as (keyof PrivacyFacts)[];
  checkKeys("facts", facts, known);
  for (const name of known) {
    const value = facts[name];
    if (value !== undefined || !optional.has(name)) (checks[name] as Check<unknown>)(name, value);
  }
}

function checkGroups(name: string, groups: NonNullable<PrivacyFacts["groups"]>): void {
  checkList(name, groups, "{name, threshold}");
  for (const [i, group] of groups.entries()) {
    checkKeys(`${name}[${i}]`, group, ["name", "threshold"]);
    checkText(`${name}[${i}].name`, group.name);
    checkNumber(`${name}[${i}].threshold`, group.threshold, ranges.threshold);
  }
}

function checkSampling(name: string, sampling: PrivacyFacts["sampling"]): void {
  const keys = ["sampler", "accountedAs", "datasetSize", "datasetSizeIsPublic", "expectedBatchSize"];
  checkKeys(name, sampling, keys);
  checkChoice(`${name}.sampler`, sampling.sampler, [...samplerNames, OWN_BATCHES]);
  if (sampling.accountedAs !== undefined) checkText(`${name}.accountedAs`, sampling.accountedAs);
  checkNumber(`${name}.datasetSize`, sampling.datasetSize, atLeastOne);
  checkFlag(`${name}.datasetSizeIsPublic`, sampling.datasetSizeIsPublic);
  checkNumber(`${name}.expectedBatchSize`, sampling.expectedBatchSize, positive);
}

function checkCorrelation(name: string, facts: CorrelationFacts): void {
  checkObject(name, facts, "an object of type, method, noiseMultiplier, participation, carried");
  checkText(`${name}.type`, facts.type);
  checkText(`${name}.method`, facts.method);
  for (const key of ["bands", "buffers"] as const) {
    if (facts[key] !== undefined) checkNumber(`${name}.${key}`, facts[key], atLeastOne);
  }
  checkNumber(`${name}.noiseMultiplier`, facts.noiseMultiplier, ranges.noiseMultiplier);
  checkObject(`${name}.participation`, facts.participation, "an object of pattern, steps");
  checkText(`${name}.participation.pattern`, facts.participation.pattern);
  checkNumber(`${name}.participation.steps`, facts.participation.steps, atLeastOne);
  checkFlag(`${name}.carried`, facts.carried);
}
