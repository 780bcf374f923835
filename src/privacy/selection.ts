/**
 * The best of several runs: Papernot & Steinke 2022, "Hyperparameter tuning with Rényi differential privacy"
 * (arXiv:2110.03620). How many runs there are is drawn beforehand, from a law that does not depend on the data, and stays
 * secret with the runs that were not chosen; the best is published alone. That costs little more than one run, where
 * the composition of all of them, which any fixed number needs, costs them all.
 *
 * @example
 * const law = { law: "geometric", mean: 10 } as const;
 * const runs = drawRuns(law);                                 // train that many, publish the best
 * selectionEpsilon([{ samplingRate: 0.004, noiseMultiplier: 1.1, steps: 3750 }], law, 1e-5).epsilon;
 */
import { randomBytes } from "node:crypto";
import { checkChoice, checkKeys, checkList, checkObject } from "../arguments.js";
import type { EpsilonReport } from "./accountant.js";
import { checkNumber } from "./check.js";
import { type CyclicSteps, charged } from "./cycle.js";
import { defaultOrders, deltaOfRdp, epsilonOfRdp, RdpAccountant } from "./rdp.js";
import { checkRenyi } from "./rdp-of-mechanism.js";

export const runLaws = ["geometric", "logarithmic", "negativeBinomial", "poisson"] as const;

/** How the number of runs is drawn. */
export interface RunLaw {
  /**
   * `negativeBinomial`: truncated, so that there is at least one run, of `shape` η > −1, at most 50; `geometric` is η = 1, `logarithmic`
   * η = 0. `poisson` may be 0 runs, of which nothing is published, and is the least spread.
   */
  readonly law: (typeof runLaws)[number];
  /** E[K]: above 1, at most 100,000; of `poisson` above 0, at most 500. */
  readonly mean: number;
  /** η, of `negativeBinomial` alone. */
  readonly shape?: number | undefined;
}

/** Beyond, the first masses underflow. */
const LARGEST_MEAN = 1e5;
const LARGEST_POISSON_MEAN = 500;
const LARGEST_SHAPE = 50;

/**
 * ε at `delta` of publishing the best of K runs, each of which takes `steps`. Throws a RangeError that names what is out of
 * range; K = 10 of `geometric` costs about as much as two to three runs, whatever is best about the best.
 */
export function selectionEpsilon(steps: readonly CyclicSteps[], law: RunLaw, delta: number): EpsilonReport {
  checkList("steps", steps, "rows of steps");
  return selectionEpsilonOfAny([steps], law, delta);
}

/**
 * The same where every run takes the steps of one of several `candidates`, drawn for it independently of the data, the same
 * way for each: a mixture's Rényi divergence is at most the largest of its parts'.
 */
export function selectionEpsilonOfAny(
  candidates: readonly (readonly CyclicSteps[])[],
  law: RunLaw,
  delta: number,
): EpsilonReport {
  checkLaw(law);
  if (candidates.length === 0) throw new RangeError("candidates must hold at least one run's steps, got none");
  const orders = defaultOrders;
  const one = new Float64Array(orders.length);
  for (const steps of candidates) {
    for (const row of steps) {
      checkObject("steps", row, "rows of samplingRate, noiseMultiplier, steps");
      checkRenyi(row);
    }
    const accountant = new RdpAccountant();
    for (const row of steps.flatMap(charged)) accountant.step(row, row.steps);
    accountant.divergences().forEach((divergence, index) => {
      one[index] = Math.max(one[index] as number, divergence);
    });
  }
  const selected = law.law === "poisson" ? poissonRuns(orders, one, law.mean) : binomialRuns(orders, one, law);
  return epsilonOfRdp(orders, selected, delta);
}

/** Theorem 2: ε′(λ) = ε(λ) + (1 + η)·(1 − 1/λ̂)·ε(λ̂) + (1 + η)·log(1/γ)/λ̂ + log E[K]/(λ − 1), for any λ̂: the best one. */
function binomialRuns(orders: readonly number[], one: Float64Array, law: RunLaw): Float64Array {
  const shape = shapeOf(law);
  const logOdds = -Math.log(smallestShare(law));
  const extra = orders.reduce((least, order, index) => {
    return Math.min(least, (1 + shape) * ((1 - 1 / order) * (one[index] as number) + logOdds / order));
  }, Number.POSITIVE_INFINITY);
  return one.map((divergence, index) => divergence + extra + Math.log(law.mean) / ((orders[index] as number) - 1));
}

/** Theorem 6: ε′(λ) = ε(λ) + E[K]·δ̂ + log E[K]/(λ − 1), one run being (ε̂, δ̂)-private for e^ε̂ ≤ 1 + 1/(λ − 1). */
function poissonRuns(orders: readonly number[], one: Float64Array, mean: number): Float64Array {
  return one.map((divergence, index) => {
    const rest = (orders[index] as number) - 1;
    const delta = deltaOfRdp(orders, one, Math.log1p(1 / rest) * (1 - 2 ** -50));
    return divergence + mean * delta + Math.max(0, Math.log(mean)) / rest;
  });
}

/** A number of runs, from the operating system's random bits. */
export function drawRuns(law: RunLaw): number {
  checkLaw(law);
  const uniform = Number(randomBytes(8).readBigUInt64BE() >> 11n) / 2 ** 53;
  return runsAt(law, uniform);
}

/** The smallest k with P[K ≤ k] > `uniform`, in [0, 1). */
export function runsAt(law: RunLaw, uniform: number): number {
  const masses = law.law === "poisson" ? poissonMasses(law.mean) : binomialMasses(smallestShare(law), shapeOf(law));
  let runs = masses.first;
  let { mass } = masses;
  // Past the mode, what is left is soon below what float64 can tell from 1.
  for (let sum = mass; sum <= uniform && (mass > 2 ** -60 || masses.growth(runs) > 1); sum += mass) {
    mass *= masses.growth(runs++);
  }
  return runs;
}

/** P[K = k], from the first k on. */
interface Masses {
  readonly first: number;
  readonly mass: number;
  /** P[K = k + 1] over P[K = k]. */
  growth(k: number): number;
}

function poissonMasses(mean: number): Masses {
  return { first: 0, mass: Math.exp(-mean), growth: (k) => mean / (k + 1) };
}

/** Definition 1: P[K = k] ∝ (1 − γ)^k·∏_(l < k) (l + η)/(l + 1). */
function binomialMasses(share: number, shape: number): Masses {
  const log = -Math.log(share);
  const mass = shape === 0 ? (1 - share) / log : (shape * (1 - share)) / Math.expm1(shape * log);
  return { first: 1, mass, growth: (k) => ((1 - share) * (k + shape)) / (k + 1) };
}

function shapeOf({ law, shape }: RunLaw): number {
  if (law === "negativeBinomial") return shape as number;
  return law === "geometric" ? 1 : 0;
}

/** γ in (0, 1) of the truncated negative binomial with that mean: the mean falls with γ. */
function smallestShare(law: RunLaw): number {
  if (law.law === "geometric") return 1 / law.mean;
  const shape = shapeOf(law);
  let low = -800; // log γ
  let high = 0;
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (meanOf(middle, shape) > law.mean) low = middle;
    else high = middle;
  }
  // The larger mean's: never too few runs to pay for.
  return Math.exp(low);
}

/** η(1 − γ)/(γ(1 − γ^η)); (1/γ − 1)/log(1/γ) for η = 0. */
function meanOf(logShare: number, shape: number): number {
  const odds = Math.expm1(-logShare);
  return shape === 0 ? odds / -logShare : (shape * odds) / -Math.expm1(shape * logShare);
}

/** Throws a RangeError that names what is out of range. */
export function checkLaw(given: RunLaw): void {
  checkKeys("law", given, ["law", "mean", "shape"]);
  const { law, mean, shape } = given;
  checkChoice("law", law, runLaws);
  const most = law === "poisson" ? LARGEST_POISSON_MEAN : LARGEST_MEAN;
  checkNumber("mean", mean, { min: law === "poisson" ? 0 : 1, max: most, openMin: true });
  if (law === "negativeBinomial") checkNumber("shape", shape as number, { min: -1, max: LARGEST_SHAPE, openMin: true });
  else if (shape !== undefined) throw new RangeError(`shape is of negativeBinomial alone, got ${shape} with ${law}`);
}
