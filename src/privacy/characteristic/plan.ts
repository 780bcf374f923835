/**
 * Where and how finely a characteristic function is summed: tilt, spacing and number of frequencies, from a guess of ε. A
 * bad choice makes bounds wide, or their computation long, never wrong.
 */

import { epsilonOfGaussian } from "../gaussian.js";
import type { DirectionName } from "../lattice/tilted-composition.js";
import type { MechanismSteps } from "../mechanism.js";
import { type LinePlan, type TiltedSteps, totalDecay, totalMoment } from "./line.js";
import { type TiltedStep, tiltedStep } from "./tilted-step.js";

export interface CostedPlan extends LinePlan {
  /** Nodes times frequencies. */
  readonly work: number;
  /** Of δ: what the terms' errors are, about. */
  readonly error: number;
}

/** Of δ: what comes round from elsewhere, and what is beyond the last frequency. */
const LEFT = 1e-7;
/** Of δ, of the terms: errors that do not count, and those with which a sum is not worth having. */
const SMALL_ERROR = 1e-6;
const LARGEST_ERROR = 1e-2;
/** A tenth of a second; each row may take some more, for lattices would take far more of them. */
const MOST_WORK = 2 ** 24;
const WORK_A_ROW = 2 ** 17;
/** Rows that a plan is made from; where there are more, it is a little longer. */
const FEW = 24;
const SLACK = 1.15;

/** Of the best bound's tilt: less of it is safer from losses that never happen and yet rule high moments. */
const tiltShares = [1, 0.7, 0.5, 0.35, 0.25, 0.15, 0.08];
/** Of a tilt: that whose moment bounds what comes round from above. Twice it is best where the loss is about normal. */
const farFactors = [2, 1.4, 1.15, 1.05];
/** A tilt that is next to none. */
const LITTLE = 2 ** -10;

/** All rows at a tilt; undefined where one of them has none. */
export function tilted(
  rows: readonly MechanismSteps[],
  direction: DirectionName,
  tilt: number,
  cut: number,
): TiltedSteps[] | undefined {
  const all: TiltedSteps[] = [];
  for (const row of rows) {
    const step = tiltedStep(row, { direction, tilt, cut });
    if (!step) return undefined;
    all.push({ step, steps: row.steps });
  }
  return all;
}

export class LinePlanner {
  private readonly few: readonly MechanismSteps[];
  /** Of the best bound by a moment. */
  private readonly tilt: number;

  /** `tilt`: about where the best bound is. */
  constructor(
    private readonly rows: readonly MechanismSteps[],
    private readonly direction: DirectionName,
    private readonly delta: number,
    tilt: number,
  ) {
    this.few = sampled(rows, direction, tilt);
    this.tilt = descend((c) => this.chernoff(c, this.at(c)), tilt);
  }

  /** Undefined where summing is too long, or its errors are beside δ. `epsilon`: about what it is. */
  plan(epsilon: number): CostedPlan | undefined {
    let least: CostedPlan | undefined;
    for (const share of tiltShares) {
      const plan = this.planAt(share * this.tilt, epsilon);
      if (!plan) continue;
      if (least && !isBetter(plan, least)) break;
      least = plan;
    }
    if (!least || this.few.length === this.rows.length) return least;
    return { ...least, count: Math.ceil(least.count * SLACK) };
  }

  /** ε about as it is where the loss, tilted to the best bound, is about normal, with ε at its mean. */
  tiltedGuess(): number | undefined {
    const rows = this.at(this.tilt);
    if (!rows) return undefined;
    const shrink = Math.log(this.tilt * (this.tilt + 1) * Math.sqrt(2 * Math.PI * variance(rows)));
    const saddle = (totalMoment(rows) - Math.log(this.delta) - shrink) / this.tilt;
    return Math.min(this.chernoff(this.tilt, rows), saddle);
  }

  /** The same where the loss itself is. */
  normalGuess(): number | undefined {
    const rows = this.at(LITTLE);
    return rows && epsilonOfGaussian(Math.sqrt(variance(rows)), this.delta);
  }

  private at(tilt: number, cut = 0): TiltedSteps[] | undefined {
    return tilted(this.few, this.direction, tilt, cut);
  }

  /** ε by Chernoff's bound: Canonne, Kamath, Steinke 2020, with order c + 1. */
  private chernoff(tilt: number, rows: readonly TiltedSteps[] | undefined): number {
    if (!rows) return Number.POSITIVE_INFINITY;
    const shrink = tilt * Math.log(tilt) - (tilt + 1) * Math.log1p(tilt);
    return (totalMoment(rows) - Math.log(this.delta) + shrink) / tilt;
  }

  private planAt(tilt: number, epsilon: number): CostedPlan | undefined {
    const near = this.at(tilt);
    if (!near) return undefined;
    const most = (MOST_WORK / this.rows.length + WORK_A_ROW) * this.few.length;
    // How much larger the sum's scale is than δ, and its errors with it.
    const apart = totalMoment(near) - tilt * epsilon - Math.log(this.delta);
    const left = -Math.log(LEFT * this.delta);
    // What comes round from below is e^(−c·period); from above it is what a higher moment says.
    const mostFrequency = (most / total(near, ({ work }) => work)) * ((2 * Math.PI * tilt) / left);
    const cut = cutWhere((frequency) => totalDecay(near, frequency) >= apart - Math.log(LEFT), tilt, mostFrequency);
    const whole = cut && this.at(tilt, cut);
    if (!whole) return undefined;
    // Where most of the sum is, frequencies are about one over the deviation.
    const typical = Math.min(cut, 2 / Math.sqrt(variance(whole)));
    const error = Math.exp(apart) * total(whole, (step, steps) => steps * step.error(typical));
    if (error > LARGEST_ERROR) return undefined;
    const far = this.farthest(tilt, epsilon, left);
    const spacing = (2 * Math.PI) / Math.max(left / tilt, far.period);
    const count = Math.ceil(cut / spacing);
    const work = count * total(whole, (step) => step.work);
    if (work > most) return undefined;
    return { direction: this.direction, tilt, tiltFar: far.tilt, spacing, count, work, error };
  }

  /** The tilt whose moment lets a period end soonest. */
  private farthest(tilt: number, epsilon: number, left: number): { readonly tilt: number; readonly period: number } {
    let best = { tilt: tilt * 2, period: Number.POSITIVE_INFINITY };
    for (const factor of farFactors) {
      const rows = this.at(tilt * factor);
      if (!rows) continue;
      const period = (totalMoment(rows) - tilt * factor * epsilon + left) / (tilt * (factor - 1));
      if (period > best.period) break;
      best = { tilt: tilt * factor, period };
    }
    return best;
  }
}

/**
 * Where there are many rows, a few that stand for all, each for an equal part of them, which gives it its number of steps: of the
 * variance of the loss as it is, and of that tilted, where what is rare counts more.
 */
function sampled(rows: readonly MechanismSteps[], direction: DirectionName, tilt: number): readonly MechanismSteps[] {
  if (rows.length <= FEW) return rows;
  const [plain, far] = [LITTLE, tilt].map((at) => varianceShares(rows, direction, at)) as [number[], number[]];
  const few: MechanismSteps[] = [];
  let passed = 0;
  for (const [i, row] of rows.entries()) {
    const share = ((plain[i] as number) + (far[i] as number)) / 2;
    passed += share;
    while (few.length < FEW && passed > (few.length + 0.5) / FEW)
      few.push({ ...row, steps: row.steps / (FEW * share) });
  }
  return few;
}

/** Each row's of all. */
function varianceShares(rows: readonly MechanismSteps[], direction: DirectionName, tilt: number): number[] {
  const variances = rows.map((row) => row.steps * (tiltedStep(row, { direction, tilt, cut: 0 })?.variance ?? 0));
  const all = variances.reduce((sum, value) => sum + value, 0);
  return variances.map((value) => value / all);
}

function isBetter(plan: CostedPlan, other: CostedPlan): boolean {
  if (Math.max(plan.error, other.error) < SMALL_ERROR) return plan.work < other.work;
  return plan.error < other.error;
}

function total(rows: readonly TiltedSteps[], of: (step: TiltedStep, steps: number) => number): number {
  return rows.reduce((sum, { step, steps }) => sum + of(step, steps), 0);
}

function variance(rows: readonly TiltedSteps[]): number {
  return total(rows, (step, steps) => steps * step.variance);
}

/** From `start` on, by factors of 1.5, to where a function with one valley no longer falls. */
function descend(f: (value: number) => number, start: number): number {
  let best = start;
  let least = f(start);
  for (const factor of [1.5, 1 / 1.5]) {
    for (let value = best * factor; ; value *= factor) {
      const found = f(value);
      if (!(found < least)) break;
      least = found;
      best = value;
    }
  }
  return best;
}

/** The first frequency, by steps of a twentieth, where decay is enough; none below `most`. */
function cutWhere(isEnough: (frequency: number) => boolean, tilt: number, most: number): number | undefined {
  if (!isEnough(most)) return undefined;
  let cut = most;
  while (cut > tilt / 16 && isEnough(cut / 2)) cut /= 2;
  for (cut /= 2; !isEnough(cut); ) cut *= 1.05;
  return cut;
}
