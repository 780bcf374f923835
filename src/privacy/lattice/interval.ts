/**
 * ε of sampled Gaussian steps between two bounds, by their privacy loss distribution: a lattice of losses from
 * above and one from below (loss-lattice.ts), composed by tilted Fourier transforms (tilted-composition.ts), refined until
 * the bounds agree. What is added to the upper bound and taken from the lower one: docs/accounting.md.
 */

import { isAllocated, type MechanismSteps, noiseOverDistance } from "../mechanism.js";
import { LogMoments } from "./log-moments.js";
import type { LossLattice } from "./loss-lattice.js";
import { type DirectionPlan, planDirection } from "./loss-plan.js";
import { latticePoints, latticesOf } from "./row-lattice.js";
import {
  composeTilted,
  type DirectionName,
  type LatticeSteps,
  latticeMoment,
  momentOrder,
  type TiltedLoss,
} from "./tilted-composition.js";
import { epsilonAbove, epsilonBelow } from "./tilted-tail.js";

export interface EpsilonInterval {
  /** No ε below it holds. */
  readonly lower: number;
  /** Proved. Infinity where the method proves nothing. */
  readonly upper: number;
}

/** How far apart the bounds may stay: `absolute`, or `relative` of ε where that is more, or less than 1 of it. */
export const defaultGap = 8e-4;

const LONGEST = 2 ** 20;
const SHORTEST = 2 ** 12;
/** From here on a pass takes a tenth of a second. */
const LONG = 2 ** 18;
/** Points of all rows together, in one pass: of lattices, and of transforms. */
const MOST_POINTS = 2 ** 21;
const MOST_LATTICE_POINTS = 2 ** 19;
/** So many take seconds, on the coarsest lattice. */
const TOO_MANY_POINTS = 2 ** 22;
/** Of δ: infinite losses and those beyond the lattices. */
const MISSING = 1e-7;
/** Noise below this shifts z beyond what float64 densities hold. */
const SMALLEST_NOISE = 0.05;
/** Indices of the composed lattice stay exact. */
const MOST_STEPS = 2 ** 31;

export const nothingProved: EpsilonInterval = { lower: 0, upper: Number.POSITIVE_INFINITY };

/** Points that a window is longer at either end: a mass at the end of a plan lies inside of it. */
const MARGIN = 4;

type Plans = Readonly<Record<DirectionName, DirectionPlan>>;
const directions: readonly DirectionName[] = ["remove", "add"];

/**
 * Bounds on ε at `delta` of `rows`, each with steps > 0, sampling rate > 0 and noise > 0. `gap`: how far apart they may
 * stay, of ε below 1 and absolutely above; a hundredth of it of ε beyond 100.
 */
export function epsilonInterval(rows: readonly MechanismSteps[], delta: number, gap = defaultGap): EpsilonInterval {
  const total = rows.reduce((sum, row) => sum + row.steps, 0);
  if (total > MOST_STEPS || rows.some((row) => noiseOverDistance(row) < SMALLEST_NOISE)) return nothingProved;
  const moments = new LogMoments(rows, missingOf(rows, delta));
  const remove = planDirection(rows, moments, "remove", delta);
  const add = planDirection(rows, moments, "add", delta);
  if (!remove || !add) return nothingProved;
  const plans = { remove, add };
  const most = longest(rows, plans, delta);
  // Those of cycles are no finer than there is time for.
  const sampled = rows.filter((row) => !isAllocated(row));
  if (latticePoints(sampled, spacingOf(plans, most), missingOf(rows, delta)) > TOO_MANY_POINTS) return nothingProved;
  let best = nothingProved;
  let apart = Number.POSITIVE_INFINITY;
  for (let length = SHORTEST; ; ) {
    const found = intervalAt(rows, delta, plans, length);
    best = { lower: Math.max(best.lower, found.lower), upper: Math.min(best.upper, found.upper) };
    const before = apart;
    apart = best.upper - best.lower;
    const wanted = wantedGap(gap, best, length);
    const isStuck = apart > 0.7 * before;
    if (apart <= wanted || isStuck || length >= most) return best;
    length = Math.min(most, finer(length, apart / wanted));
  }
}

/** Whether bounds are as near as `gap` says. */
export function isWithin(bounds: EpsilonInterval, gap: number): boolean {
  return bounds.upper - bounds.lower <= wantedGap(gap, bounds, SHORTEST);
}

/**
 * In proportion to ε below 1, as long as that is quick, absolutely up to 100, a hundredth of ε beyond; never less than a
 * hundredth of `gap`.
 */
function wantedGap(gap: number, { lower, upper }: EpsilonInterval, length: number): number {
  const epsilon = Number.isFinite(upper) ? upper : lower;
  return gap * Math.max(length < LONG ? Math.min(1, epsilon) : 1, epsilon / 100, 0.01);
}

/** The gap falls with the square of the spacing, or slower while the spacing is coarse. */
function finer(length: number, tooWide: number): number {
  const factor = Number.isFinite(tooWide) ? Math.min(64, Math.sqrt(tooWide)) : 16;
  return length * 2 ** Math.max(1, Math.ceil(Math.log2(factor) - 0.05));
}

function longest(rows: readonly MechanismSteps[], plans: Plans, delta: number): number {
  let length = LONGEST;
  while (length > SHORTEST && rows.length * length > MOST_POINTS) length /= 2;
  while (
    length > SHORTEST &&
    latticePoints(rows, spacingOf(plans, length), missingOf(rows, delta)) > MOST_LATTICE_POINTS
  )
    length /= 2;
  return length;
}

function spacingOf(plans: Plans, length: number): number {
  return Math.max(...directions.map((name) => plans[name].to - plans[name].from)) / (length - 2 * MARGIN);
}

/** Mass that each step may leave out. */
function missingOf(rows: readonly MechanismSteps[], delta: number): number {
  return (delta * MISSING) / rows.reduce((sum, row) => sum + row.steps, 0);
}

function intervalAt(rows: readonly MechanismSteps[], delta: number, plans: Plans, length: number): EpsilonInterval {
  const spacing = spacingOf(plans, length);
  const missing = missingOf(rows, delta);
  const tilts = { remove: plans.remove.tilt, add: plans.add.tilt };
  const above = latticesOf(rows, "above", spacing, missing);
  const composedAbove = composeTilted(above, length, tilts);
  const upper = directions.map((name) => upperBound(above, composedAbove[name], plans[name], delta));
  const below = latticesOf(rows, "below", spacing, missing);
  const composedBelow = composeTilted(below, length, tilts);
  const lower = directions.map((name) => lowerBound(below, composedBelow[name], plans[name], delta));
  return { lower: Math.max(0, ...lower), upper: Math.max(...upper) };
}

function upperBound(rows: readonly LatticeSteps[], loss: TiltedLoss, plan: DirectionPlan, delta: number): number {
  const from = plan.from - MARGIN * loss.spacing;
  const top = from + (loss.weights.length - 2) * loss.spacing;
  const beyond = Math.exp(totalMoment(rows, loss.direction, plan.tiltAbove) - plan.tiltAbove * top);
  const lost = sum(rows, (lattice) => lattice.missing) + beyond * (1 + 1e-6);
  const grown = delta / growth(rows);
  const epsilon = epsilonAbove(loss, from, grown, lost);
  return epsilon + sum(rows, (lattice) => lattice.lossRounding);
}

function lowerBound(rows: readonly LatticeSteps[], loss: TiltedLoss, plan: DirectionPlan, delta: number): number {
  const { direction, logMoment, spacing } = loss;
  const from = plan.from - MARGIN * spacing;
  const bottom = from + spacing;
  const top = Math.max(0, from) + (loss.weights.length - 2) * spacing;
  const below = Math.exp(
    totalMoment(rows, direction, plan.tiltBelow) - logMoment + (plan.tilt - plan.tiltBelow) * bottom,
  );
  const far = Math.exp(totalMoment(rows, direction, plan.tiltFar) - logMoment - (plan.tiltFar - plan.tilt) * top);
  const epsilon = epsilonBelow(loss, from, delta * growth(rows), (below + far) * (1 + 1e-6));
  return epsilon - sum(rows, (lattice) => lattice.lossRounding);
}

/** What rounding of masses can have made of δ. */
function growth(rows: readonly LatticeSteps[]): number {
  return Math.exp(sum(rows, (lattice) => lattice.massRounding));
}

function totalMoment(rows: readonly LatticeSteps[], direction: DirectionName, tilt: number): number {
  return sum(rows, (lattice) => latticeMoment(lattice, momentOrder(direction, tilt)));
}

function sum(rows: readonly LatticeSteps[], of: (lattice: LossLattice) => number): number {
  return rows.reduce((total, { lattice, steps }) => total + steps * of(lattice), 0);
}
