/**
 * Where the tilted distribution of the total loss lies, so that a circle of lattice points holds it: tilt and window of
 * either direction. Chosen from approximate moments; a bad choice makes bounds wide, never wrong.
 */

import type { MechanismSteps } from "../mechanism.js";
import type { LogMoments } from "./log-moments.js";
import { type DirectionName, momentOrder } from "./tilted-composition.js";

export interface DirectionPlan {
  /** c > 0: the tilt. */
  readonly tilt: number;
  /** The window of losses. */
  readonly from: number;
  readonly to: number;
  /** The tilt whose moment bounds the mass above the window. */
  readonly tiltAbove: number;
  /** Tilts whose moments bound the tilted mass below the window, and far above it. */
  readonly tiltBelow: number;
  readonly tiltFar: number;
}

/** Of δ: what may be lost above the window, what may come round from elsewhere, what rounding may be. */
const LOST = 1e-7;
const WRAPPED = 1e-6;
const ROUNDED = 1e-5;
/** Of the tilted distribution: what rounding is about, for each step that is not at its lattice's atom. */
const ROUNDING = 2e-14;
/** Of lattice points in a window, about. */
const POINTS = 2 ** 17;

/** Of the best bound's tilt. */
const tiltShares = [1, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05];

/** Undefined where no finite window is found. */
export function planDirection(
  rows: readonly MechanismSteps[],
  moments: LogMoments,
  direction: DirectionName,
  delta: number,
): DirectionPlan | undefined {
  const moment = (tilt: number) => moments.at(momentOrder(direction, tilt));
  const logDelta = Math.log(delta);
  // ε by Chernoff's bound: Canonne, Kamath, Steinke 2020, with order c + 1.
  const epsilon = (tilt: number) =>
    (moment(tilt) - logDelta + tilt * Math.log(tilt) - (tilt + 1) * Math.log1p(tilt)) / tilt;
  const best = minimize(epsilon);
  const bestEpsilon = epsilon(best);
  const tiltAbove = minimize((tilt) => (moment(tilt) - logDelta - Math.log(LOST)) / tilt);
  const above = (moment(tiltAbove) - logDelta - Math.log(LOST)) / tiltAbove;
  // Losses of the size of q, on average, are dealt to the atom and the points beside it.
  const offAtom = ({ samplingRate }: MechanismSteps) => Math.min(1, (samplingRate * POINTS) / above);
  const events = rows.reduce((sum, row) => sum + row.steps * offAtom(row), 0);
  const allowed = Math.log(ROUNDED / ROUNDING) - Math.log1p(events);
  const plans = tiltShares.flatMap((share): DirectionPlan[] => {
    const tilt = share * best;
    const own = moment(tilt);
    // How much of the tilted distribution is not about ε: by e^(this) rounding weighs more beside δ.
    const apart = own - tilt * bestEpsilon - logDelta;
    if (share < 1 && apart > allowed) return [];
    return windowOf(moment, { tilt, tiltAbove, above, own, wrapped: Math.log(WRAPPED) - Math.max(0, apart) });
  });
  return plans.reduce<DirectionPlan | undefined>((narrowest, plan) => {
    return narrowest && narrowest.to - narrowest.from <= plan.to - plan.from ? narrowest : plan;
  }, undefined);
}

interface Tilted extends Pick<DirectionPlan, "tilt" | "tiltAbove"> {
  readonly above: number;
  /** log of the moment. */
  readonly own: number;
  /** log of what may come round. */
  readonly wrapped: number;
}

/** The window at a tilt; none where it is not finite. */
function windowOf(moment: (tilt: number) => number, tilted: Tilted): DirectionPlan[] {
  const { tilt, tiltAbove, above, own, wrapped } = tilted;
  const below = (fall: number) => -(wrapped + own - moment(tilt - fall)) / fall;
  const far = (rise: number) => (moment(tilt + rise) - own - wrapped) / rise;
  const fall = minimize(below);
  const rise = minimize(far);
  const from = -below(fall);
  // A mass that far above must go round more than once to lie above ε ≥ max(0, from) again.
  const to = Math.max(above, far(rise) + Math.min(0, from));
  if (!Number.isFinite(to - from)) return [];
  return [{ tilt, from, to: Math.max(to, from + 1e-12), tiltAbove, tiltBelow: tilt - fall, tiltFar: tilt + rise }];
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The positive number, from 1e-6 to 1e12, where a function with one valley is smallest, to some per mille. */
function minimize(f: (value: number) => number): number {
  const at = (log: number) => {
    const value = f(Math.exp(log));
    return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  };
  // A coarse look first: far out, functions are flat or infinite.
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let log = -14; log <= 28; log += 1) {
    const value = at(log);
    if (value >= least) continue;
    least = value;
    best = log;
  }
  let low = best - 1;
  let high = best + 1;
  let left = high - GOLDEN * (high - low);
  let right = low + GOLDEN * (high - low);
  let atLeft = at(left);
  let atRight = at(right);
  while (high - low > 0.02) {
    if (atLeft < atRight) {
      high = right;
      right = left;
      atRight = atLeft;
      left = high - GOLDEN * (high - low);
      atLeft = at(left);
    } else {
      low = left;
      left = right;
      atLeft = atRight;
      right = low + GOLDEN * (high - low);
      atRight = at(right);
    }
  }
  return Math.exp((low + high) / 2);
}
