/**
 * How large a share of the data a privacy target allows each way of sampling.
 *
 * @example
 * calibrateSampling({ type: "shuffle" }, { examples: 60_000, noiseMultiplier: 8, steps: 3000, epsilon: 2, delta: 1e-5,
 *   relation: "zero-out" }); // 0.0031…: batches of 190
 */
import { checkChoice, checkKeys } from "../arguments.js";
import { type Accountant, defaultAccountant, makeAccountant, makeQuickAccountant } from "../privacy/accountant.js";
import { type BudgetTarget, calibrateSamplingRate, calibrateSteps, largestRate } from "../privacy/calibrate.js";
import { checkNumber, ranges } from "../privacy/check.js";
import { wholeCycle } from "../privacy/cycle.js";
import { MOST_BINS } from "../privacy/lattice/cycle-lattice.js";
import { kindOf, type MechanismKind } from "../privacy/mechanism.js";
import { type Relation, underRelation } from "../privacy/relation.js";
import { roundDown } from "../privacy/rounding.js";
import { parseConfigValue } from "../training/config-errors.js";
import { makeSampling, type SamplingConfig, samplingSchema, samplingType } from "./index.js";

export interface SamplingTarget extends Pick<BudgetTarget, "noiseMultiplier" | "epsilon" | "delta"> {
  /** N ≥ 1. */
  readonly examples: number;
  /** T ≥ 1. */
  readonly steps: number;
  /** One of the sampler's. */
  readonly relation: Relation;
  /** Where the noise is the discrete Gaussian: how many coordinates have it. */
  readonly discreteCoordinates?: number | undefined;
}

/**
 * The largest sampling rate of that sampler, rounded down to six significant digits or to whole batches, for which the
 * accountant proves ε at δ. Throws a RangeError on values out of range and where no rate is small enough.
 */
export function calibrateSampling(
  config: SamplingConfig,
  target: SamplingTarget,
  accountant: string = defaultAccountant,
): number {
  checkKeys("target", target, targetKeys);
  const { type } = parseConfigValue("sampling", samplingSchema, config);
  const { examples, noiseMultiplier, steps, epsilon, delta, relation, discreteCoordinates } = target;
  checkNumber("examples", examples, { ...ranges.steps, min: 1 });
  checkNumber("steps", steps, { ...ranges.steps, min: 1 });
  checkChoice("relation", relation, samplingType(type).relations);
  const mechanismAt = (samplingRate: number) =>
    underRelation({ ...makeSampling(config, { examples, samplingRate }).mechanism, discreteCoordinates }, relation);
  const goal = { noiseMultiplier, epsilon, delta };
  const kind = (rate: number) => kindOf(wholeCycle(mechanismAt(rate)));
  switch (config.type) {
    case "poisson":
      return calibrateSamplingRate({ ...goal, ...kind(LEAST), steps }, accountant);
    case "cyclicPoisson": {
      // Each cycle is a Poisson step of rate kq.
      const { blocks } = config;
      const paid = Math.ceil(steps / blocks);
      return roundDown(calibrateSamplingRate({ ...goal, ...kind(LEAST), steps: paid }, accountant) / blocks, DIGITS);
    }
    case "bMinSep": {
      const rate = calibrateSamplingRate({ ...goal, ...kind(LEAST), steps }, accountant);
      return roundDown(rate / (1 + (config.separation - 1) * rate), DIGITS);
    }
    case "fixedSize": {
      const rate = calibrateSamplingRate({ ...goal, ...kind(1 / examples), steps }, accountant);
      return wholeBatch(Math.floor(rate * examples), examples);
    }
    case "truncatedPoisson":
      // The chance that a batch is cut down, which δ pays for, grows with q as well.
      return largestRate({ ...goal, steps, mechanismAt }, accountant);
    case "shuffle":
      return wholeBatch(Math.floor(examples / shortestCycle(goal, kind(1), steps, accountant)), examples);
    case "ballsInBins":
      return 1 / fewestBins(goal, kind(1), steps, accountant);
  }
}

const targetKeys = ["examples", "noiseMultiplier", "steps", "epsilon", "delta", "relation", "discreteCoordinates"];
const LEAST = 1e-15;
const DIGITS = 6;

type Goal = Pick<BudgetTarget, "noiseMultiplier" | "epsilon" | "delta">;

/** Each cycle is one step on all the data: of how many steps it must be, for T of them to be no more cycles than ε allows. */
function shortestCycle(goal: Goal, { bins, ...kind }: MechanismKind, steps: number, accountant: string): number {
  const { noiseMultiplier, epsilon, delta } = goal;
  const cycles = calibrateSteps({ ...goal, ...kind, samplingRate: 1 }, accountant);
  const by = makeAccountant(accountant);
  // Discrete noise is on the coordinates of all steps, whichever are charged: longer cycles where that is too much.
  for (let cycle = Math.ceil(steps / cycles); cycle <= steps; cycle = Math.ceil(cycle * 1.01)) {
    const row = { ...kind, samplingRate: 1, noiseMultiplier, cycle, steps };
    if (by.epsilonWith([row], delta) <= epsilon) return cycle;
  }
  throw new RangeError(
    `epsilon: ${goal.epsilon} at delta ${goal.delta} does not allow one cycle with noise multiplier ` +
      `${goal.noiseMultiplier}, however long; raise epsilon, delta or the noise`,
  );
}

/** Of random allocation: ε falls with the bins, for there are fewer cycles of them and each costs less. */
function fewestBins(goal: Goal, kind: MechanismKind, steps: number, accountant: string): number {
  const { noiseMultiplier, epsilon, delta } = goal;
  const isWithin = (by: Accountant) => (bins: number) => {
    const row = { ...kind, samplingRate: 1, noiseMultiplier, bins, steps: Math.ceil(steps / bins) };
    return by.epsilonWith([row], delta) <= epsilon;
  };
  // Discrete noise is paid for in every bin, those beyond the last step too.
  const most = kind.discreteCoordinates === undefined ? Math.max(steps, MOST_BINS) : steps;
  const exact = isWithin(makeAccountant(accountant));
  if (!exact(most)) return shortestCycle(goal, kind, steps, accountant);
  const guess = smallestWithin(isWithin(makeQuickAccountant(accountant)), 1, most, 1);
  return smallestWithin(exact, guess, most, Math.ceil(guess / 64));
}

/** The smallest of 1 … most, of which the last is within, looked for from `guess` on in growing strides. */
function smallestWithin(isWithin: (bins: number) => boolean, guess: number, most: number, stride: number): number {
  let [outside, inside] = [0, most];
  const look = (bins: number): boolean => {
    const found = isWithin(bins);
    if (found) inside = bins;
    else outside = bins;
    return found;
  };
  if (look(guess)) for (let by = stride; inside - by > 0 && look(inside - by); ) by *= 2;
  else for (let by = stride; outside + by < most && !look(outside + by); ) by *= 2;
  while (inside - outside > 1) look(Math.floor((inside + outside) / 2));
  return inside;
}

function wholeBatch(size: number, examples: number): number {
  if (size >= 1) return size / examples;
  throw new RangeError(
    `epsilon: not even batches of 1 of ${examples} examples stay within it; raise it, delta or the noise`,
  );
}
