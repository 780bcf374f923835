/**
 * How much noise a privacy target needs; how many steps and how large a share of the data it allows.
 *
 * @example
 * calibrateNoise({ samplingRate: 256 / 60_000, steps: 3516, epsilon: 2, delta: 1e-5 }); // 0.838819
 */
import { checkKeys, checkList } from "../arguments.js";
import { defaultAccountant, makeAccountant } from "./accountant.js";
import { PrivacyBudget } from "./budget.js";
import { checkNumber, type NumberRange, ranges } from "./check.js";
import { leastValue } from "./least-value.js";
import { kindKeys, kindOf, type MechanismKind, type SampledGaussian } from "./mechanism.js";
import { roundDown, roundUp } from "./rounding.js";

/** `relation`, `sample` and `failure` as a mechanism has them. */
export interface CalibrationTarget extends MechanismKind {
  /** q in (0, 1]. */
  readonly samplingRate: number;
  /** T ≥ 1. */
  readonly steps: number;
  /** Where noise varies: steps by the factor of their noise multiplier, T in all; by default all have factor 1. */
  readonly pieces?: readonly NoisePiece[] | undefined;
  /** Where the noise is the discrete Gaussian: how many coordinates have it. */
  readonly discreteCoordinates?: number | undefined;
  /** Target ε > 0. */
  readonly epsilon: number;
  /** δ in (0, 1). */
  readonly delta: number;
}

/** Steps whose noise multiplier is `factor` × the base. */
export interface NoisePiece {
  /** In `noiseFactorRange`. */
  readonly factor: number;
  readonly steps: number;
}

export const noiseFactorRange: NumberRange = { min: 0, max: 1e9, openMin: true };

const LARGEST_NOISE = 2 ** 20;
const SMALLEST_NOISE = 2 ** -10;
const DIGITS = 6;

/**
 * The smallest noise multiplier, rounded up to six significant digits, for which the accountant of that name proves ε at δ;
 * with prv, to 1e-5. Throws a RangeError on values out of range and where no noise up to 2²⁰ is enough, saying which ε is
 * within reach.
 */
export function calibrateNoise(target: CalibrationTarget, accountant: string = defaultAccountant): number {
  checkTarget(target);
  const { samplingRate, steps, epsilon, delta, pieces = [{ factor: 1, steps }] } = target;
  const kind = kindOf(target);
  const rowsOf = (noise: number) =>
    pieces.map((piece) => ({ ...kind, samplingRate, noiseMultiplier: noise * piece.factor, steps: piece.steps }));
  const found = leastValue({ rowsOf, epsilon, delta, least: SMALLEST_NOISE, most: LARGEST_NOISE }, accountant);
  if (found.value === undefined) throw unreachable(target, found.epsilon);
  const rounded = roundUp(found.value, DIGITS);
  return found.epsilonOf(rounded) <= epsilon ? rounded : found.value;
}

/** Of a mechanism whose noise is given. */
export interface BudgetTarget extends MechanismKind {
  /** σ in (0, 1e15]. */
  readonly noiseMultiplier: number;
  /** Target ε > 0. */
  readonly epsilon: number;
  /** δ in (0, 1). */
  readonly delta: number;
}

/** The largest number of steps, to 1e-5 of it, for which the accountant proves ε at δ; 0 where it proves none. q in (0, 1]. */
export function calibrateSteps(
  target: BudgetTarget & { readonly samplingRate: number },
  accountant: string = defaultAccountant,
): number {
  checkKeys("target", target, [...kindKeys, "samplingRate", "noiseMultiplier", "epsilon", "delta"]);
  const { samplingRate, noiseMultiplier, epsilon, delta } = target;
  checkNumber("samplingRate", samplingRate, positiveRate);
  checkNumber("noiseMultiplier", noiseMultiplier, positiveNoise);
  return new PrivacyBudget(makeAccountant(accountant), epsilon, delta).remainingSteps({
    ...kindOf(target),
    samplingRate,
    noiseMultiplier,
  });
}

/**
 * The largest sampling rate, rounded down to six significant digits, for which the accountant proves ε at δ after `steps` ≥ 1
 * steps. Throws a RangeError where none down to 1e-15 is small enough.
 */
export function calibrateSamplingRate(
  target: BudgetTarget & { readonly steps: number },
  accountant: string = defaultAccountant,
): number {
  checkKeys("target", target, [...kindKeys, "noiseMultiplier", "steps", "epsilon", "delta"]);
  const { steps, noiseMultiplier, epsilon, delta } = target;
  const kind = kindOf(target);
  const mechanismAt = (samplingRate: number) => ({ ...kind, samplingRate });
  return largestRate({ noiseMultiplier, steps, epsilon, delta, mechanismAt }, accountant);
}

/** The same of steps that depend on the rate in other ways too; ε must grow with it. */
export function largestRate(
  target: Pick<BudgetTarget, "noiseMultiplier" | "epsilon" | "delta"> & {
    readonly steps: number;
    /** What a step is at a sampling rate, but for its noise. */
    readonly mechanismAt: (rate: number) => Omit<SampledGaussian, "noiseMultiplier">;
  },
  accountant: string = defaultAccountant,
): number {
  const { noiseMultiplier, steps, epsilon, delta, mechanismAt } = target;
  checkNumber("steps", steps, positiveSteps);
  checkNumber("noiseMultiplier", noiseMultiplier, positiveNoise);
  checkNumber("epsilon", epsilon, ranges.epsilon);
  checkNumber("delta", delta, ranges.delta);
  // ε falls with 1/q.
  const rowsOf = (inverse: number) => [{ ...mechanismAt(1 / Math.max(1, inverse)), noiseMultiplier, steps }];
  const found = leastValue({ rowsOf, epsilon, delta, least: 1, most: 1e15 }, accountant);
  if (found.value === undefined) {
    throw new RangeError(
      `epsilon ${epsilon} at delta ${delta} cannot be proven for ${steps} steps with noise multiplier ${noiseMultiplier} ` +
        "at any sampling rate down to 1e-15; raise epsilon, delta or the noise, or take fewer steps",
    );
  }
  const rounded = roundDown(1 / found.value, DIGITS);
  return found.epsilonOf(1 / rounded) <= epsilon ? rounded : 1 / found.value;
}

const positiveRate: NumberRange = { ...ranges.samplingRate, openMin: true };
const positiveNoise: NumberRange = { ...ranges.noiseMultiplier, openMin: true };
const positiveSteps: NumberRange = { ...ranges.steps, min: 1 };

function checkTarget(target: CalibrationTarget): void {
  checkKeys("target", target, [...kindKeys, "samplingRate", "steps", "pieces", "epsilon", "delta"]);
  const { samplingRate, steps, epsilon, delta, pieces = [{ factor: 1, steps: target.steps }] } = target;
  checkNumber("samplingRate", samplingRate, positiveRate);
  checkNumber("steps", steps, positiveSteps);
  checkNumber("epsilon", epsilon, ranges.epsilon);
  checkNumber("delta", delta, ranges.delta);
  checkList("pieces", pieces, "{factor, steps}");
  for (const piece of pieces) {
    checkKeys("pieces", piece, ["factor", "steps"]);
    checkNumber("pieces: factor", piece.factor, noiseFactorRange);
    checkNumber("pieces: steps", piece.steps, ranges.steps);
  }
  const planned = pieces.reduce((sum, piece) => sum + piece.steps, 0);
  if (planned !== steps) throw new RangeError(`pieces: got ${planned} steps, expected ${steps}`);
}

function unreachable({ samplingRate, steps, epsilon, delta }: CalibrationTarget, smallest: number): RangeError {
  return new RangeError(
    `epsilon ${epsilon} at delta ${delta} cannot be proven for ${steps} steps at sampling rate ${samplingRate}: ` +
      `even noise multiplier ${LARGEST_NOISE} gives epsilon ${smallest.toPrecision(4)}; ` +
      "raise epsilon or delta, or take fewer steps or a smaller sampling rate",
  );
}
