/**
 * ε of many sampled Gaussian steps between two bounds, by the characteristic function of their privacy loss: no lattice, hence no
 * discretisation, and a cost that falls with the number of steps. Where few steps draw the example, it hardly decays; the
 * lattices of lattice/interval.ts are for that.
 */

import { crossing } from "../crossing.js";
import { type EpsilonInterval, nothingProved } from "../lattice/interval.js";
import type { DirectionName } from "../lattice/tilted-composition.js";
import type { MechanismSteps } from "../mechanism.js";
import { CharacteristicLine, type LinePlan } from "./line.js";
import { LinePlanner, tilted } from "./plan.js";

/** What is known to hold, and the Rényi order that proves it. */
export interface Proved {
  readonly epsilon: number;
  readonly order: number;
}

/** Of ε: what its search leaves open, and what the bounds may be apart without another plan. */
const ACCURACY = 1e-8;
const ENOUGH = 1e-5;
/** Below, what is small beside δ comes near the end of float64's range. */
const LEAST_DELTA = 1e-250;

/**
 * Bounds on ε at `delta` of `rows`, each with steps > 0, sampling rate > 0 and noise > 0. Infinity where there is no
 * characteristic function to integrate, or it takes too long.
 */
export function characteristicInterval(
  rows: readonly MechanismSteps[],
  delta: number,
  proved: Proved,
): EpsilonInterval {
  if (delta < LEAST_DELTA) return nothingProved;
  const bounds = directionsOf(rows).map((direction) => directionInterval(rows, direction, delta, proved));
  return {
    lower: Math.max(...bounds.map(({ lower }) => lower)),
    upper: Math.max(...bounds.map(({ upper }) => upper)),
  };
}

/** An example that becomes its opposite, or is in every step, costs the same in both. */
function directionsOf(rows: readonly MechanismSteps[]): readonly DirectionName[] {
  const isMirrored = rows.every(({ samplingRate, relation }) => samplingRate === 1 || relation);
  return isMirrored ? ["remove"] : ["remove", "add"];
}

function directionInterval(
  rows: readonly MechanismSteps[],
  direction: DirectionName,
  delta: number,
  proved: Proved,
): EpsilonInterval {
  const planner = new LinePlanner(rows, direction, delta, proved.order - 1);
  const boundsFor = (guess: number | undefined): EpsilonInterval => {
    const line = guess === undefined ? undefined : lineOf(rows, planner.plan(guess));
    return line ? boundsOf(line, delta, proved.epsilon) : nothingProved;
  };
  const first = boundsFor(planner.tiltedGuess());
  if (first.upper - first.lower < ENOUGH * first.upper) return first;
  // Planned for another ε than it turned out to be.
  const second = boundsFor(Number.isFinite(first.upper) ? first.upper : planner.normalGuess());
  return { lower: Math.max(first.lower, second.lower), upper: Math.min(first.upper, second.upper) };
}

function lineOf(rows: readonly MechanismSteps[], plan: LinePlan | undefined): CharacteristicLine | undefined {
  if (!plan) return undefined;
  const near = tilted(rows, plan.direction, plan.tilt, plan.spacing * plan.count);
  const far = tilted(rows, plan.direction, plan.tiltFar, 0);
  return near && far && new CharacteristicLine(near, far, plan);
}

/** `known`: an ε that holds. */
function boundsOf(line: CharacteristicLine, delta: number, known: number): EpsilonInterval {
  const excess = (epsilon: number) => Math.log(line.above(epsilon) / delta);
  if (!(excess(known) <= 0)) return nothingProved;
  const upper = crossing(0, known, ACCURACY, excess).high;
  return { lower: lowerBound(line, delta, upper), upper };
}

/** A little below the upper bound, and further below where that is not enough. */
function lowerBound(line: CharacteristicLine, delta: number, upper: number): number {
  for (let gap = ACCURACY; gap < 1; gap *= 2) {
    const epsilon = upper * (1 - gap);
    if (line.below(epsilon) > delta) return epsilon;
  }
  return 0;
}
