/** What a session is made with, checked before anything native sees it. */

import { checkChoice, checkFlag, checkKeys, checkObject, describe } from "../arguments.js";
import type { Correlation } from "../correlation/index.js";
import type { Model } from "../graph/model.js";
import type { Loss } from "../losses/index.js";
import type { NativeSessionSpec, StrategyName } from "../native/binding.js";
import type { Optimizer } from "../optimizers/index.js";
import { type AdaptiveRule, adaptiveRule, gradientNoiseMultiplier } from "../privacy/adaptive-threshold.js";
import { checkNumber, type NumberRange } from "../privacy/check.js";
import { clipAttributes } from "../privacy/clip-functions.js";
import { type ClippingConfig, checkClipping, weightBound } from "../privacy/sensitivity.js";
import { clippingGroups } from "./clipping-groups.js";
import { type CompressionOptions, checkCompression } from "./compression.js";
import { correlationConflict } from "./correlated-noise.js";
import {
  checkDiscreteCounts,
  checkDiscreteNoise,
  discreteNoiseConflict,
  type NoiseKind,
  noiseKinds,
} from "./discrete-noise.js";
import { checkSparsification, type SparsificationOptions } from "./sparsification.js";

/** The noise of a step: the gradient estimate is (clipped sum + N(0, σ²S²I)) / expectedBatchSize. */
export interface PrivacyOptions {
  /** σ ≥ 0, over the clipping configuration's sensitivity S. 0: no noise, no privacy. */
  readonly noiseMultiplier: number;
  /** q·N > 0: a public number from the configuration, never the size of the batch that was sampled. */
  readonly expectedBatchSize: number;
  /**
   * Default `gaussian`: floating point. `discrete`: clipped gradients are rounded to a grid of S/2³⁰ and summed as integers,
   * and the noise is an exact discrete Gaussian; with the strategies fused, materialize and naive, σ from 2⁻²⁰ to 2²⁰. So
   * is the noise on the counts of adaptive thresholds.
   */
  readonly noise?: NoiseKind | undefined;
  /**
   * Noise that is correlated from step to step, as `makeCorrelation` made it: σS·C⁻¹z in place of σS·z. Default: every step's is
   * its own. Not with discrete noise, adaptive thresholds and dpAdamBC. docs/correlated-noise.md.
   */
  readonly correlation?: Correlation | undefined;
}

export interface SessionOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Default: Abadi's function, all parameters one vector, C = 1. Ignored by strategy `none`. */
  readonly clipping?: ClippingConfig;
  /** Needed by `step()` alone. */
  readonly privacy?: PrivacyOptions;
  /** Drops random coordinates from gradients and noise: see `docs/sparsification.md`. Default: none. */
  readonly sparsification?: SparsificationOptions;
  /** The optimizer sees the largest coordinates of the noisy gradient alone: see `docs/compression.md`. Default: none. */
  readonly compression?: CompressionOptions;
  /** How the clipped sum is computed; never changes the result (but `none`, which does not clip). Default `auto`. */
  readonly strategy?: StrategyName;
  /**
   * K, from 1 to 1024: every example of a step is K views, augmented copies of one record, and its loss the mean of
   * theirs (De et al. 2022). Clipped once, so that the sensitivity is what it is without. Default 1.
   */
  readonly augmentationMultiplicity?: number;
  /** Examples executed together; 0 (default): chosen from cache and memory sizes. */
  readonly chunkSize?: number;
  /** Whole number ≥ 0: makes initialisation, dropout and noise reproducible, and the session not private. */
  readonly seed?: number;
  readonly device?: "cpu";
  /** 0 (default): one a core. */
  readonly threads?: number;
  /** Results do not depend on the thread count, to the bit. Default false. */
  readonly deterministic?: boolean;
}

export const strategyNames = [
  "auto",
  "none",
  "naive",
  "materialize",
  "fused",
  "reweight",
  "ghost",
] as const satisfies readonly StrategyName[];

const defaultClipping: ClippingConfig = { function: "abadi", style: "flat", threshold: 1 };
const known = [
  "loss",
  "optimizer",
  "clipping",
  "privacy",
  "sparsification",
  "compression",
  "strategy",
  "augmentationMultiplicity",
  "chunkSize",
  "seed",
  "device",
  "threads",
  "deterministic",
];

/** Of the options that are numbers. */
export const optionRanges = {
  augmentationMultiplicity: { min: 1, max: 1024, integer: true },
  chunkSize: { min: 0, max: 2 ** 24, integer: true },
  threads: { min: 0, max: 4096, integer: true },
  noiseMultiplier: { min: 0, max: 1e15 },
  expectedBatchSize: { min: 0, max: Number.MAX_VALUE, openMin: true },
} as const satisfies Record<string, NumberRange>;

export interface CheckedOptions {
  readonly spec: NativeSessionSpec;
  readonly privacy: PrivacyOptions | undefined;
  readonly clipping: ClippingConfig;
  /** Where thresholds follow a private quantile. */
  readonly adaptive: AdaptiveRule | undefined;
  /** The largest weight that an example may have. */
  readonly maxWeight: number;
}

/** @throws TypeError or RangeError that names the option, what came and what is allowed. */
export function checkOptions(model: Model, options: SessionOptions): CheckedOptions {
  checkShape(model, options);
  const { strategy = "auto", device = "cpu", augmentationMultiplicity = 1 } = options;
  const { chunkSize = 0, threads = 0, deterministic = false } = options;
  checkChoice("strategy", strategy, strategyNames);
  checkChoice("device", device, ["cpu"]);
  checkFlag("deterministic", deterministic);
  const clipping = { ...defaultClipping, ...options.clipping };
  checkClipping(clipping);
  checkPrivacy(options.privacy, strategy);
  checkDiscrete(options, strategy);
  checkCorrelation(options, clipping);
  const groups = clippingGroups(model.spec, clipping);
  return {
    privacy: options.privacy,
    clipping,
    adaptive: adaptiveOf(clipping, options.privacy, strategy, groups.thresholds.length),
    maxWeight: weightBound(clipping),
    spec: {
      model: model.spec,
      loss: { kind: options.loss.kind, attributes: options.loss.attributes },
      clipping: {
        function: clipping.function,
        attributes: clipAttributes(clipping.function, clipping),
        groupOfParameter: groups.groupOfParameter,
        thresholds: groups.thresholds,
        integers: options.privacy?.noise === "discrete",
        largestWeight: weightBound(clipping),
      },
      strategy,
      optimizer: { kind: options.optimizer.kind, attributes: options.optimizer.attributes },
      sparsification: checkSparsification(options.sparsification),
      topK: checkCompression(options.compression, options.optimizer),
      correlation: options.privacy?.correlation?.recurrence ?? null,
      views: count("augmentationMultiplicity", augmentationMultiplicity),
      chunkSize: count("chunkSize", chunkSize),
      threads: count("threads", threads),
      deterministic: deterministic,
    },
  };
}

function checkShape(model: Model, options: SessionOptions): void {
  if (typeof model?.spec !== "object") throw new TypeError(`model: got ${describe(model)}, expected a Model`);
  checkKeys("options", options, known);
  if (options.clipping !== undefined) checkObject("clipping", options.clipping, "{function, style, threshold}");
  if (typeof options.loss?.kind !== "string") {
    throw new TypeError(`loss: got ${describe(options.loss)}, expected a loss such as crossEntropy()`);
  }
  if (typeof options.optimizer?.kind !== "string") {
    throw new TypeError(
      `optimizer: got ${describe(options.optimizer)}, expected an optimizer such as sgd({ learningRate: 0.1 })`,
    );
  }
}

function checkPrivacy(privacy: PrivacyOptions | undefined, strategy: StrategyName): void {
  if (privacy === undefined) return;
  checkKeys("privacy", privacy, ["noiseMultiplier", "expectedBatchSize", "noise", "correlation"]);
  checkNumber("privacy.expectedBatchSize", privacy.expectedBatchSize, optionRanges.expectedBatchSize);
  checkNoise(privacy.noiseMultiplier, strategy, "privacy.noiseMultiplier");
}

function checkDiscrete({ privacy }: SessionOptions, strategy: StrategyName): void {
  const { noise = "gaussian" } = privacy ?? {};
  checkChoice("privacy.noise", noise, noiseKinds);
  if (privacy === undefined || noise === "gaussian") return;
  checkDiscreteNoise(privacy.noiseMultiplier, "privacy.noiseMultiplier");
  const conflict = discreteNoiseConflict(strategy);
  if (conflict) throw new RangeError(`${conflict.key}: expected ${conflict.allowed}`);
}

function checkCorrelation({ privacy, optimizer }: SessionOptions, { adaptive }: ClippingConfig): void {
  if (privacy?.correlation === undefined) return;
  if (typeof privacy.correlation?.recurrence?.gain !== "number") {
    const came = describe(privacy.correlation);
    throw new TypeError(`privacy.correlation: got ${came}, expected what makeCorrelation() returns`);
  }
  const conflict = correlationConflict({ noise: privacy.noise, adaptive, optimizer: optimizer.kind });
  if (conflict) throw new RangeError(`${conflict.key}: expected ${conflict.allowed}`);
}

/** Of one step, which may have a noise multiplier of its own. @throws RangeError that names it, what came and what is allowed. */
export function checkStepNoise(
  noiseMultiplier: number,
  privacy: PrivacyOptions,
  { adaptive, spec }: Pick<CheckedOptions, "adaptive" | "spec">,
): void {
  checkNoise(noiseMultiplier, spec.strategy);
  if (privacy.noise === "discrete") {
    checkDiscreteNoise(noiseMultiplier);
    if (adaptive) checkDiscreteCounts(noiseMultiplier, adaptive.countNoise, spec.clipping.thresholds.length);
  }
  if (!privacy.correlation || noiseMultiplier === privacy.noiseMultiplier) return;
  throw new RangeError(
    `noiseMultiplier: got ${noiseMultiplier}, allowed: ${privacy.noiseMultiplier} as the session has it, for its noise is correlated`,
  );
}

/** @throws RangeError that names the option; noise where nothing is clipped would feign privacy. */
function checkNoise(noiseMultiplier: number, strategy: StrategyName, name = "noiseMultiplier"): void {
  checkNumber(name, noiseMultiplier, optionRanges.noiseMultiplier);
  if (strategy !== "none" || noiseMultiplier === 0) return;
  throw new RangeError(
    `${name}: got ${noiseMultiplier} with strategy 'none', which does not clip: no noise makes ` +
      "it private; expected 0, or another strategy",
  );
}

function adaptiveOf(
  { adaptive }: ClippingConfig,
  privacy: PrivacyOptions | undefined,
  strategy: StrategyName,
  groups: number,
): AdaptiveRule | undefined {
  if (adaptive === undefined) return undefined;
  if (privacy === undefined) {
    throw new TypeError("clipping.adaptive needs the option privacy: {noiseMultiplier, expectedBatchSize}");
  }
  if (strategy === "none") throw new RangeError("clipping.adaptive: strategy 'none' takes no norms to count");
  const rule = adaptiveRule(adaptive, privacy.expectedBatchSize);
  const check = privacy.noise === "discrete" ? checkDiscreteCounts : gradientNoiseMultiplier;
  check(privacy.noiseMultiplier, rule.countNoise, groups);
  return rule;
}

function count(name: "augmentationMultiplicity" | "chunkSize" | "threads", value: number): number {
  checkNumber(name, value, optionRanges[name]);
  return value;
}
