/**
 * Σ_b w_b · factor_b · g_b over per-example gradients that the caller has: norm, clip and sum in one read of memory.
 *
 * ```ts
 * const { sum, sensitivity } = await clipAndSum(gradients, { examples: 256, threshold: 1 });
 * const { gradient } = await privatize(sum, { noiseMultiplier: 1.1, sensitivity, normalizer: 256 });
 * ```
 *
 * **Guarantee.** Adding or removing one row changes `sum` by at most `sensitivity` in Euclidean norm, whatever the row
 * holds. It says nothing of an ε: that takes Poisson sampling, and a normaliser fixed beforehand (docs/privacy.md).
 */
import { checkChoice, checkKeys, describe } from "../arguments.js";
import { loadBinding } from "../native/load.js";
import { ranges } from "../privacy/check.js";
import {
  type ClipParameters,
  clipAttributes,
  clipFunctions,
  clipParameterNames,
  functionsWith,
  misplacedParameters,
} from "../privacy/clip-functions.js";
import { type ClippingConfig, sensitivity } from "../privacy/sensitivity.js";
import {
  checkApart,
  checkInteger,
  checkReal,
  checkSumArray,
  type GradientArray,
  type GradientOptions,
  type Gradients,
  gradientKeys,
  isList,
  isWide,
  lengthError,
  readGradients,
  type SumArray,
} from "./arrays.js";
import { named, whileHeld } from "./hold.js";

export const blockStyles = ["flat", "per-block"] as const;

export interface ClipOptions<Sums> extends GradientOptions, ClipParameters {
  /** Default: abadi. Its parameters (`gamma`, `r`, `Z`) stand beside it. */
  readonly function?: ClippingConfig["function"] | undefined;
  /** flat (default): the blocks are one gradient with one norm. per-block: each block is clipped by itself. */
  readonly style?: (typeof blockStyles)[number] | undefined;
  /** C, from 1e-20 to 1e20, of the whole gradient; per-block gives each of k blocks C/√k. */
  readonly threshold?: number | undefined;
  /** C by block instead, with per-block. */
  readonly thresholds?: readonly number[] | undefined;
  /** w by example, 0 or from 1e-6 to `maxWeight`, applied after clipping. Public: not taken from private data. */
  readonly weights?: ArrayLike<number> | undefined;
  /**
   * The largest weight that any example may have, sampled or not, up to 1e6; 1 by default. The sensitivity grows with
   * it: taken from the weights of a sample, it would tell who is in it.
   */
  readonly maxWeight?: number | undefined;
  /** Where the sum goes: an array, or a list for a list of blocks. Default: new Float32Arrays. */
  readonly output?: Sums | undefined;
  /** replace (default) or accumulate: add to what `output` holds. */
  readonly mode?: "accumulate" | "replace" | undefined;
}

/** All but `sensitivity` is computed from private data without noise: not for publication. */
export interface ClipResult<Sums> {
  readonly sum: Sums;
  /** [groups, examples], groups = 1 or, per-block, the number of blocks. */
  readonly squaredNorms: Float64Array;
  /** [groups, examples]: what each gradient was multiplied by, its weight included; 0 where it was left out. */
  readonly factors: Float32Array;
  /** Examples whose gradient is not finite: not added. */
  readonly leftOut: number;
  /** S: how far one example can move the sum. */
  readonly sensitivity: number;
}

const modes = ["accumulate", "replace"] as const;
const clipKeys = [
  ...gradientKeys,
  ...["function", "style", "threshold", "thresholds", "weights", "maxWeight", "output", "mode"],
  ...clipParameterNames,
];
const thresholdRange = ranges.threshold;
const weightRange = { min: 1e-6, max: 1e6 };

export function clipAndSum<Sum extends SumArray = Float32Array>(
  gradients: GradientArray,
  options: ClipOptions<Sum>,
): Promise<ClipResult<Sum>>;
export function clipAndSum<Sum extends SumArray = Float32Array>(
  gradients: readonly GradientArray[],
  options: ClipOptions<readonly Sum[]>,
): Promise<ClipResult<Sum[]>>;
/**
 * Computes on a thread of its own; until the promise settles nobody may write to the arrays, and their buffers cannot be
 * transferred. @throws (rejects with) TypeError, RangeError naming the argument, what came and what is allowed.
 */
export async function clipAndSum(
  gradients: GradientArray | readonly GradientArray[],
  options: ClipOptions<SumArray | readonly SumArray[]>,
): Promise<ClipResult<SumArray | SumArray[]>> {
  const call = prepare(gradients, options);
  const { spec } = call;
  const arrays = [...named("gradients", spec.gradients), ...named("output", spec.sums), ["mask", spec.kept] as const];
  return call.result(await whileHeld(arrays, () => loadBinding().examples.clip(spec)));
}

export function clipAndSumSync<Sum extends SumArray = Float32Array>(
  gradients: GradientArray,
  options: ClipOptions<Sum>,
): ClipResult<Sum>;
export function clipAndSumSync<Sum extends SumArray = Float32Array>(
  gradients: readonly GradientArray[],
  options: ClipOptions<readonly Sum[]>,
): ClipResult<Sum[]>;
/** The same, to the bit, on the calling thread and its helpers; blocks the event loop. */
export function clipAndSumSync(
  gradients: GradientArray | readonly GradientArray[],
  options: ClipOptions<SumArray | readonly SumArray[]>,
): ClipResult<SumArray | SumArray[]> {
  const call = prepare(gradients, options);
  return call.result(loadBinding().examples.clipSync(call.spec));
}

function prepare(value: unknown, options: ClipOptions<SumArray | readonly SumArray[]>) {
  checkKeys("options", options, clipKeys);
  const { function: name = "abadi", style = "flat", mode = "replace", output } = options;
  checkChoice("function", name, clipFunctions);
  checkChoice("style", style, blockStyles);
  checkChoice("mode", mode, modes);
  const given = readOutput(output, isList(value));
  const read = readGradients(
    value,
    options,
    given?.map(({ length }) => length),
  );
  const sums = given ?? read.columns.map((columns) => new Float32Array(columns));
  checkSums(sums, read);
  const groups = style === "per-block" ? sums.length : 1;
  const clipping = readThresholds(options, name, groups);
  const { weights, largest } = readWeights(options, read.examples);
  const squaredNorms = new Float64Array(groups * read.examples);
  const factors = new Float32Array(groups * read.examples);
  const { list, ...common } = read;
  const spec = {
    ...common,
    perBlock: style === "per-block",
    sums,
    wide: isWide(sums[0]),
    squaredNorms,
    factors,
    function: name,
    attributes: clipAttributes(name, options),
    thresholds: clipping.thresholds,
    weights,
    accumulate: mode === "accumulate",
  };
  const result = (leftOut: number): ClipResult<SumArray | SumArray[]> => ({
    sum: list ? [...sums] : (sums[0] as SumArray),
    squaredNorms,
    factors,
    leftOut,
    sensitivity: clipping.sensitivity * largest,
  });
  return { spec, result };
}

function readOutput(output: unknown, list: boolean): SumArray[] | undefined {
  if (output === undefined) return undefined;
  if (list && !Array.isArray(output)) throw new TypeError(`output: got ${describe(output)}, expected a list`);
  const sums: unknown[] = list ? Array.from(output as unknown[]) : [output];
  for (const [block, sum] of sums.entries()) checkSumArray(list ? `output[${block}]` : "output", sum);
  return sums as SumArray[];
}

function checkSums(sums: readonly SumArray[], { columns, gradients, kept }: Gradients): void {
  if (sums.length !== columns.length) throw lengthError("output", sums.length, `a list of ${columns.length}`);
  const wide = isWide(sums[0]);
  for (const [block, sum] of sums.entries()) {
    const name = `output[${block}]`;
    if (sum.length !== columns[block]) throw lengthError(name, sum.length, `${columns[block]}`);
    if (isWide(sum) !== wide) throw new TypeError(`${name}: expected the same type as output[0]`);
    checkApart(name, sum, [...gradients, kept, ...sums.slice(0, block)]);
  }
}

function readThresholds(options: ClipOptions<unknown>, name: ClippingConfig["function"], groups: number) {
  const { threshold, thresholds, style } = options;
  if ((threshold === undefined) === (thresholds === undefined)) {
    throw new TypeError("threshold: expected exactly one of threshold and thresholds");
  }
  const parameters = readParameters(options, name);
  if (thresholds === undefined) {
    checkReal("threshold", threshold, thresholdRange.min, thresholdRange.max);
    const config = { ...parameters, function: name, style: "flat", threshold } as const;
    return { thresholds: Array<number>(groups).fill(threshold / Math.sqrt(groups)), sensitivity: sensitivity(config) };
  }
  if (style !== "per-block") throw new RangeError("thresholds: allowed with the style per-block alone");
  if (!Array.isArray(thresholds)) throw new TypeError(`thresholds: got ${describe(thresholds)}, expected a list`);
  const own: readonly number[] = Array.from(thresholds);
  if (own.length !== groups) throw lengthError("thresholds", own.length, `${groups}, one a block`);
  for (const [group, value] of own.entries()) {
    checkReal(`thresholds[${group}]`, value, thresholdRange.min, thresholdRange.max);
  }
  const config = {
    ...parameters,
    function: name,
    style: "per-layer",
    threshold: own[0] ?? 0,
    thresholds: own,
  } as const;
  return { thresholds: own, sensitivity: sensitivity(config) };
}

/** The function's own parameters, checked. */
function readParameters(options: ClipParameters, name: ClippingConfig["function"]): ClipParameters {
  const { missing, foreign } = misplacedParameters(name, options);
  if (foreign[0]) {
    const takers = functionsWith(foreign[0]).join(", ");
    throw new RangeError(`${foreign[0]}: got ${options[foreign[0]]}, allowed with ${takers} alone`);
  }
  if (missing[0]) throw new TypeError(`${missing[0]}: got nothing, expected a number > 0 with ${name}`);
  const given = clipParameterNames.filter((parameter) => options[parameter] !== undefined);
  for (const parameter of given) checkReal(parameter, options[parameter], Number.MIN_VALUE, Number.MAX_VALUE);
  return Object.fromEntries(given.map((parameter) => [parameter, options[parameter]]));
}

/** Copied, so that they cannot change under a running call. */
function readWeights({ weights, maxWeight }: ClipOptions<unknown>, examples: number) {
  if (maxWeight !== undefined) checkReal("maxWeight", maxWeight, weightRange.min, weightRange.max);
  if (weights === undefined) {
    if (maxWeight !== undefined) throw new RangeError(`maxWeight: got ${maxWeight}, allowed with weights alone`);
    return { weights: null, largest: 1 };
  }
  if (!Array.isArray(weights) && !ArrayBuffer.isView(weights)) {
    throw new TypeError(`weights: got ${describe(weights)}, expected a list of numbers`);
  }
  checkInteger("weights.length", weights.length, examples, examples);
  const copy = new Float64Array(examples);
  // Not the largest of these weights: S must not tell whose examples were sampled.
  const largest = maxWeight ?? 1;
  for (let example = 0; example < examples; example++) {
    const weight: unknown = weights[example];
    const name = `weights[${example}]`;
    if (weight !== 0) checkReal(name, weight, weightRange.min, largest);
    copy[example] = weight as number;
  }
  return { weights: copy, largest };
}
