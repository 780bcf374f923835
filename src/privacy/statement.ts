/**
 * What `privacy.json` states: the guarantee of a run, what it rests on, and what lies outside of it. Pure: facts in,
 * statement out; the caller writes the file.
 *
 * A statement of a run under way counts the steps that were reserved, so that the file is never below the truth after
 * a crash: reserve (write) first, then take the steps; at the end state the steps that were taken.
 */
import type { Accountant, EpsilonReport } from "./accountant.js";
import {
  type AdaptiveConfig,
  type AdaptiveRule,
  adaptiveRule,
  countSensitivity,
  gradientNoiseMultiplier,
} from "./adaptive-threshold.js";
import { clipAttributes } from "./clip-functions.js";
import { discreteShortfall } from "./discrete-cost.js";
import { groupEpsilon } from "./group.js";
import type { MechanismSteps } from "./mechanism.js";
import { type Relation, relationMeanings } from "./relation.js";
import { type ClippingConfig, sensitivity } from "./sensitivity.js";
import { checkTogether, OWN_BATCHES, relationOf } from "./statement-conflicts.js";
import {
  type CorrelationFacts,
  checkFacts,
  type PrivacyFacts,
  statusMeanings,
  unitMeanings,
} from "./statement-facts.js";

export interface PrivacyStatement {
  readonly format: 1;
  readonly software: { readonly name: string; readonly version: string };
  readonly status: PrivacyFacts["status"];
  readonly statusMeaning: string;
  readonly private: boolean;
  /** One line for people. */
  readonly guarantee: string;
  /** Why `private` is false. */
  readonly notPrivateBecause: readonly string[];
  /** null where nothing is guaranteed. */
  readonly epsilon: number | null;
  readonly delta: number;
  readonly targetEpsilon: number | null;
  /** What ε would be with secret randomness; only in a seeded run, for comparison. */
  readonly epsilonIfNotSeeded?: number;
  readonly unit: PrivacyFacts["unit"];
  readonly unitMeaning: string;
  /** What the same steps cost somebody with several examples. */
  readonly group?: GroupStatement;
  readonly relation: Relation;
  readonly relationMeaning: string;
  readonly accountant: {
    readonly name: string;
    readonly upperBound: boolean;
    /** No smaller ε holds, where the accountant can tell. */
    readonly epsilonLower?: number;
    /** `pld`: privacy loss distribution; `rdp`: Rényi divergence of `order`; `gaussian`: the exact curve at q = 1. */
    readonly proof?: EpsilonReport["proof"];
    readonly order: number | null;
    readonly orders?: readonly number[];
  };
  readonly steps: { readonly taken: number; readonly reserved: number };
  readonly mechanisms: readonly MechanismSteps[];
  /** Where it is not the continuous Gaussian in floating point. */
  readonly noise?: string;
  /** Where noise is correlated; `mechanisms` are then what its steps are to the accountant. */
  readonly correlation?: CorrelationFacts & { readonly meaning: string };
  readonly sampling: PrivacyFacts["sampling"] & {
    readonly assumedByAccountant: string;
    readonly randomBits: number;
  };
  readonly clipping: Omit<ClippingConfig, "adaptive"> & {
    /** S of the first step, before any schedule; noise has deviation σ·S at the thresholds in force. */
    readonly sensitivity: number;
    readonly thresholdByGroup?: readonly { readonly name: string; readonly threshold: number }[];
    readonly adaptive?: AdaptiveStatement;
  };
  readonly schedules: { readonly threshold: unknown; readonly noise: unknown };
  readonly sparsification?: Readonly<Record<string, unknown>> & { readonly mask: string };
  readonly compression?: Readonly<Record<string, unknown>> & { readonly choice: string };
  readonly strategy: string;
  readonly seeded: boolean;
  readonly publicData: readonly string[];
  readonly insideEpsilon: readonly string[];
  readonly outsideEpsilon: readonly string[];
}

/** At the run's δ. */
export interface GroupStatement {
  readonly name: string;
  readonly size: number;
  readonly sizeMeaning: string;
  /** null where nothing is guaranteed. */
  readonly epsilon: number | null;
  /** Why it is null, where the run itself is private. */
  readonly notProvenBecause?: string;
}

/** How the threshold follows a private quantile, and what that leaves for the gradients. */
export interface AdaptiveStatement extends AdaptiveRule {
  /** How much one example can move the vector of counts: √groups/2. */
  readonly countSensitivity: number;
  /** σ of the step, as accounted for, and σ_g of the noise on its clipped sum. */
  readonly noise: readonly { readonly noiseMultiplier: number; readonly gradientNoiseMultiplier: number }[];
}

const publicMask =
  "public: drawn from a key of its own, independent of the data, the noise and the sampling, and stored in the " +
  "checkpoint; the same for all examples of a step, dropped from gradients before their norms and from the noise, so " +
  "that sensitivity and accounting are unchanged";

const publiclyChosenMask =
  "public: chosen by gradients of public examples at models that earlier steps released, and stored in the checkpoint; " +
  "the same for all examples of a step, dropped from gradients before their norms and from the noise, so that " +
  "sensitivity and accounting are unchanged";

const postProcessing =
  "post-processing: coordinates are chosen from the noisy gradients alone, which the mechanism has released, so that " +
  "accounting is unchanged";

const discreteNoise =
  "discrete Gaussian, drawn exactly, on sums of integers: clipped gradients are rounded to a grid of S/2^30 within S; " +
  "counts of adaptive thresholds are integers too, and have the same noise; epsilon includes what it costs beside a " +
  "continuous Gaussian";

const correlatedNoise =
  "to the clipped sums of the steps is added sigma*S*(C^-1 z), z independent standard normals; released is C times the clipped " +
  "sums plus sigma*S*z, of which the models are post-processing";

const inside = ["the model after each step, all steps together"];

/** Everything a run shows that ε says nothing about. */
const outside = [
  "training loss and accuracy",
  "loss, accuracy and Dice on test data",
  "sampled batch sizes",
  "gradient norms, numbers of clipped and left-out examples",
  "step times and memory",
  "normalisation constants and vocabularies learned from the private data",
  "choosing the best of several runs, and tuning on the private data",
];

/**
 * The statement of a run. Throws a TypeError or RangeError that names the fact which is none, or where facts contradict each
 * other.
 */
export function privacyStatement(facts: PrivacyFacts): PrivacyStatement {
  checkFacts(facts);
  checkTogether(facts);
  const mechanisms = facts.accountant.steps();
  const reserved = mechanisms.reduce((sum, row) => sum + row.steps, 0);
  if (facts.stepsTaken > reserved) {
    throw new RangeError(
      `stepsTaken must be at most the ${reserved} step(s) of the accountant, got ${facts.stepsTaken}`,
    );
  }
  const report = facts.accountant.report(facts.delta);
  const { epsilon } = report;
  const reasons = reasonsAgainst(facts, epsilon);
  const isPrivate = reasons.length === 0;
  if (isPrivate) checkTarget(facts, report);
  const relation = relationOf(facts);
  const { sampler } = facts.sampling;
  return {
    format: 1,
    software: facts.software,
    status: facts.status,
    statusMeaning: statusMeanings[facts.status],
    private: isPrivate,
    guarantee: isPrivate ? guaranteeLine(facts, epsilon, relation) : reasons.join("; "),
    notPrivateBecause: reasons,
    epsilon: isPrivate ? epsilon : null,
    delta: facts.delta,
    targetEpsilon: facts.targetEpsilon ?? null,
    ...(facts.seeded && Number.isFinite(epsilon) ? { epsilonIfNotSeeded: epsilon } : {}),
    unit: facts.unit,
    unitMeaning: unitMeanings[facts.unit],
    ...(facts.group ? { group: describeGroup(facts.group, facts, isPrivate) } : {}),
    relation,
    relationMeaning: relationMeanings[relation],
    accountant: describeAccountant(facts.accountant, report),
    steps: { taken: facts.stepsTaken, reserved },
    mechanisms,
    ...(mechanisms.some((row) => row.discreteCoordinates !== undefined) ? { noise: discreteNoise } : {}),
    ...(facts.correlation ? { correlation: { ...facts.correlation, meaning: correlatedNoise } } : {}),
    sampling: { ...facts.sampling, assumedByAccountant: sampler === OWN_BATCHES ? "poisson" : sampler, randomBits: 64 },
    clipping: describeClipping(facts),
    schedules: facts.schedules ?? { threshold: null, noise: null },
    ...(facts.sparsification ? { sparsification: { ...facts.sparsification, mask: maskText(facts) } } : {}),
    ...(facts.compression ? { compression: { ...facts.compression, choice: postProcessing } } : {}),
    strategy: facts.strategy,
    seeded: facts.seeded,
    publicData: facts.publicData ?? [],
    insideEpsilon: facts.clipping.adaptive ? [...inside, "the thresholds of each step"] : inside,
    outsideEpsilon: outside,
  };
}

/** Bounds of fewer steps may be larger by what the accountant cannot tell: none but a proved excess is refused. */
function checkTarget({ targetEpsilon, status }: PrivacyFacts, { epsilon, lower = epsilon }: EpsilonReport): void {
  if (targetEpsilon === undefined || lower <= targetEpsilon * (1 + 1e-9)) return;
  throw new RangeError(
    `targetEpsilon: got ${targetEpsilon}; allowed: at least ${epsilon}, which the accountant's steps cost, with status ${status}`,
  );
}

function maskText({ maskFrom }: PrivacyFacts): string {
  if (maskFrom === "private") return "chosen by gradients of the training data: not private";
  return maskFrom === "public" ? publiclyChosenMask : publicMask;
}

function reasonsAgainst(facts: PrivacyFacts, epsilon: number): string[] {
  const reasons: string[] = [];
  if (facts.maskFrom === "private") reasons.push("coordinates chosen by gradients of the training data: not private");
  if (facts.seeded) reasons.push("seeded: not private");
  if (facts.strategy === "none") reasons.push("strategy none: not private");
  if (facts.sampling.sampler === OWN_BATCHES) reasons.push("batches not drawn by the Poisson sampler: not private");
  if (!facts.accountant.upperBound)
    reasons.push(`accountant ${facts.accountant.name} may under-report: not proven private`);
  if (!Number.isFinite(epsilon)) reasons.push("no noise: not private");
  return reasons;
}

function guaranteeLine(facts: PrivacyFacts, epsilon: number, relation: Relation): string {
  const counted = facts.status === "running" ? "reserved so far" : "taken";
  return (
    `(${epsilon}, ${facts.delta})-differential privacy of each ${facts.unit} under ${relation}, ` +
    `for all models of the steps ${counted}`
  );
}

function describeClipping(facts: PrivacyFacts): PrivacyStatement["clipping"] {
  const { adaptive, ...clipping } = facts.clipping;
  return {
    ...clipping,
    ...clipAttributes(clipping.function, clipping),
    sensitivity: sensitivity(facts.clipping),
    ...(facts.groups ? { thresholdByGroup: facts.groups } : {}),
    ...(adaptive ? { adaptive: describeAdaptive(adaptive, facts) } : {}),
  };
}

const noneOfGroups = "nothing is proved of groups with so little noise, other sampling than poisson, or replace-one";

function describeGroup(
  { name, size }: NonNullable<PrivacyFacts["group"]>,
  { accountant, delta, sampling }: PrivacyFacts,
  isPrivate: boolean,
): GroupStatement {
  // Under other sampling members of a group are not drawn independently, step by step.
  const isPoisson = sampling.sampler === "poisson";
  const epsilonOf = (rows: readonly MechanismSteps[]) =>
    isPoisson ? groupEpsilon(rows, size, delta) : Number.POSITIVE_INFINITY;
  const epsilon = epsilonOf(accountant.steps());
  const isProven = Number.isFinite(epsilon);
  return {
    name,
    size,
    sizeMeaning: `no ${name} has more than ${size} examples in the training data, as its owner declares`,
    epsilon: isPrivate && isProven ? epsilon : null,
    ...(isPrivate && !isProven
      ? { notProvenBecause: discreteShortfall(accountant.steps(), delta, epsilonOf) ?? noneOfGroups }
      : {}),
  };
}

function describeAdaptive(config: AdaptiveConfig, facts: PrivacyFacts): AdaptiveStatement {
  const rule = adaptiveRule(config, facts.sampling.expectedBatchSize);
  const groups = facts.groups?.length ?? 1;
  return {
    ...rule,
    countSensitivity: countSensitivity(groups),
    noise: (facts.noiseMultipliers ?? []).map((noiseMultiplier) => ({
      noiseMultiplier,
      gradientNoiseMultiplier: gradientNoiseMultiplier(noiseMultiplier, rule.countNoise, groups),
    })),
  };
}

function describeAccountant(accountant: Accountant, report: EpsilonReport): PrivacyStatement["accountant"] {
  const { name, upperBound, orders } = accountant;
  const { lower, proof, order } = report;
  return {
    name,
    upperBound,
    ...(lower === undefined ? {} : { epsilonLower: lower }),
    ...(proof === undefined ? {} : { proof }),
    order: order ?? null,
    ...(orders ? { orders } : {}),
  };
}
