/**
 * How much one example can move the clipped sum: the one place that says so, used by noise and accountant alike.
 *
 * **Guarantee.** Adding or removing one example changes the clipped sum by at most `sensitivity(config)` in Euclidean
 * norm: each group's part of its gradient is cut to its threshold (native/clipping proves n·factor ≤ C function by
 * function), groups are orthogonal, and its weight is at most the declared one. Noise of standard deviation
 * σ·sensitivity is what the accountant calls noise multiplier σ.
 */
import { checkChoice, checkKeys, preview } from "../arguments.js";
import type { AdaptiveConfig } from "./adaptive-threshold.js";
import { checkAdaptive } from "./adaptive-threshold.js";
import { checkNumber, type NumberRange, ranges } from "./check.js";
import {
  type ClipFunctionName,
  type ClipParameters,
  clipAttributes,
  clipFunctions,
  clipParameterNames,
  functionsWith,
  misplacedParameters,
} from "./clip-functions.js";

export const clippingStyles = ["flat", "per-layer", "per-parameter", "groups"] as const;
export type ClippingStyle = (typeof clippingStyles)[number];

/** A named group: names of parameters or paths of layers, `*` for any letters; a list, or with a threshold of its own. */
export type GroupConfig =
  | readonly string[]
  | { readonly parameters: readonly string[]; readonly threshold?: number | undefined };

/** A per-example gradient g of norm n is multiplied by the clip function's factor, group by group. */
export interface ClippingConfig extends ClipParameters {
  /** See `clipFunctionTypes`; its parameters (`gamma`, `r`, `Z`) stand beside it. All leave a norm of at most C. */
  readonly function: ClipFunctionName;
  /**
   * flat: all parameters are one group; per-layer: one group a layer with trainable parameters; per-parameter: one a
   * trainable parameter; groups: as `groups` says.
   */
  readonly style: ClippingStyle;
  /** C > 0: of the whole gradient. Each of k groups gets C/√k, unless a threshold of its own is given. */
  readonly threshold: number;
  /** C by group, each > 0, instead of `threshold`, in the model's order; not with named groups, which hold their own. */
  readonly thresholds?: readonly number[] | undefined;
  /** Of style `groups`: every trainable parameter is in exactly one. */
  readonly groups?: Readonly<Record<string, GroupConfig>> | undefined;
  /**
   * The largest weight that an example may have, > 0; 1 by default. Public, declared beforehand: weights multiply
   * clipped gradients, so that the sensitivity grows with it.
   */
  readonly maxWeight?: number | undefined;
  /** Thresholds that follow a private quantile of the norms; with `abadi` alone. */
  readonly adaptive?: AdaptiveConfig | undefined;
}

const weights: NumberRange = { min: 0, max: 1e15, openMin: true };

/**
 * S of a configuration: the Euclidean norm of the thresholds (C where they are not given by group) times the largest
 * weight. `thresholds`: those in force where they change from step to step; default: as configured.
 * Throws a RangeError that names the key, what came and what is allowed.
 */
export function sensitivity(config: ClippingConfig, thresholds?: readonly number[] | undefined): number {
  checkClipping(config);
  if (thresholds !== undefined) checkThresholds("thresholds", thresholds);
  const norm = euclideanNorm(thresholds ?? ownThresholds(config) ?? [config.threshold]);
  return norm * weightBound(config);
}

/** The largest weight that may come, as float32 holds it. */
export function weightBound({ maxWeight = 1 }: Pick<ClippingConfig, "maxWeight">): number {
  return Math.max(maxWeight, Math.fround(maxWeight));
}

/** ‖values‖, without overflow. */
export function euclideanNorm(values: readonly number[]): number {
  let norm = 0;
  for (const value of values) norm = Math.hypot(norm, value);
  return norm;
}

/** Thresholds that the configuration gives by group, those of named groups included; undefined where it does not. */
export function ownThresholds(config: ClippingConfig): readonly number[] | undefined {
  if (config.style !== "groups" || config.groups === undefined) return config.thresholds;
  const groups = Object.values(config.groups);
  const share = config.threshold / Math.sqrt(groups.length);
  return groups.some((group) => ownThreshold(group) !== undefined)
    ? groups.map((group) => ownThreshold(group) ?? share)
    : undefined;
}

function ownThreshold(group: GroupConfig): number | undefined {
  return "parameters" in group ? group.threshold : undefined;
}

const clippingKeys: readonly (keyof ClippingConfig)[] = [
  "function",
  "style",
  "threshold",
  "thresholds",
  "groups",
  "maxWeight",
  "adaptive",
  ...clipParameterNames,
];

/** Throws a TypeError or RangeError that names the key, what came and what is allowed. */
export function checkClipping(config: ClippingConfig): void {
  checkKeys("clipping", config, clippingKeys);
  checkChoice("clipping.function", config.function, clipFunctions);
  checkChoice("clipping.style", config.style, clippingStyles);
  checkNumber("clipping.threshold", config.threshold, ranges.threshold);
  if (config.thresholds !== undefined) checkThresholds("clipping.thresholds", config.thresholds);
  checkGroups(config.groups);
  if (config.maxWeight !== undefined) checkNumber("clipping.maxWeight", config.maxWeight, weights);
  if (config.adaptive !== undefined) checkAdaptive(config.adaptive);
  const conflict = clippingConflict(config);
  if (conflict) {
    const came = preview(config[conflict.key]);
    throw new RangeError(`clipping.${conflict.key}: got ${came}, allowed: ${conflict.allowed}`);
  }
  clipAttributes(config.function, config);
  const largest = euclideanNorm(ownThresholds(config) ?? [config.threshold]) * weightBound(config);
  if (largest > ranges.threshold.max) {
    throw new RangeError(
      `clipping.maxWeight: got ${config.maxWeight ?? 1} with thresholds that make the sensitivity ${largest}, ` +
        `allowed: a sensitivity of at most ${ranges.threshold.max}`,
    );
  }
}

export interface ClippingConflict {
  readonly key: keyof ClippingConfig;
  readonly allowed: string;
}

/** What single keys cannot see; undefined where they fit each other. */
export function clippingConflict(config: ClippingConfig): ClippingConflict | undefined {
  const { missing, foreign } = misplacedParameters(config.function, config);
  if (foreign[0]) return { key: foreign[0], allowed: `only with "function": ${quoted(functionsWith(foreign[0]))}` };
  if (missing[0]) return { key: missing[0], allowed: `a number above 0, for "function": "${config.function}"` };
  if (config.style === "groups" && config.groups === undefined) {
    return { key: "groups", allowed: 'an object of groups by name, for "style": "groups"' };
  }
  if (config.style !== "groups" && config.groups !== undefined) {
    return { key: "groups", allowed: 'only with "style": "groups"' };
  }
  if (config.style === "groups" && config.thresholds !== undefined) {
    return { key: "thresholds", allowed: "a threshold within each of groups" };
  }
  if (config.adaptive !== undefined && config.function !== "abadi") {
    return { key: "adaptive", allowed: 'only with "function": "abadi"' };
  }
  return undefined;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(" or ");
}

function checkThresholds(name: string, thresholds: readonly number[]): void {
  if (!Array.isArray(thresholds) || thresholds.length === 0) {
    throw new RangeError(`${name} must be a list of numbers > 0, got ${preview(thresholds)}`);
  }
  for (const [group, threshold] of thresholds.entries()) {
    checkNumber(`${name}[${group}]`, threshold, ranges.threshold);
  }
}

function checkGroups(groups: ClippingConfig["groups"]): void {
  if (groups === undefined) return;
  if (typeof groups !== "object" || groups === null || Object.keys(groups).length === 0) {
    throw new RangeError(`clipping.groups must be an object of groups by name, got ${preview(groups)}`);
  }
  for (const [name, group] of Object.entries(groups)) {
    const members: unknown = "parameters" in Object(group) ? (group as { parameters: unknown }).parameters : group;
    if (!Array.isArray(members) || members.length === 0 || !members.every((member) => typeof member === "string")) {
      throw new RangeError(
        `clipping.groups.${name} must be a list of parameter names or layer paths, got ${preview(group)}`,
      );
    }
    const own = ownThreshold(group);
    if (own !== undefined) checkNumber(`clipping.groups.${name}.threshold`, own, ranges.threshold);
  }
}
