/**
 * Where the tilted distribution of the total loss lies, so that a circle of lattice points holds it: tilt and window of
 * either direction. Chosen from approximate moments; a bad choice makes bounds wide, never wrong.
 */
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

/** Of δ: what may be lost above the window. */
const LOST = 1e-7;
/** Of the tilted distribution: what may come round from below and from far above. */
const WRAPPED = 1e-11;

/** Undefined where no finite window is found. */
export function planDirection(moments: LogMoments, direction: DirectionName, delta: number): DirectionPlan | undefined {
  const moment = (tilt: number) => moments.at(momentOrder(direction, tilt));
  // ε by Chernoff's bound: Canonne, Kamath, Steinke 2020, with order c + 1.
  const epsilon = (tilt: number) =>
    (moment(tilt) - Math.log(delta) + tilt * Math.log(tilt) - (tilt + 1) * Math.log1p(tilt)) / tilt;
  const tilt = minimize(epsilon);
  const own = moment(tilt);
  const above = (other: number) => (moment(other) - Math.log(delta * LOST)) / other;
  const below = (fall: number) => -(Math.log(WRAPPED) + own - moment(tilt - fall)) / fall;
  const far = (rise: number) => (moment(tilt + rise) - own - Math.log(WRAPPED)) / rise;
  const tiltAbove = minimize(above);
  const fall = minimize(below);
  const rise = minimize(far);
  const from = -below(fall);
  // A mass that far above must go round more than once to lie above ε ≥ max(0, from) again.
  const to = Math.max(above(tiltAbove), far(rise) + Math.min(0, from));
  if (!Number.isFinite(to - from)) return undefined;
  return { tilt, from, to: Math.max(to, from + 1e-12), tiltAbove, tiltBelow: tilt - fall, tiltFar: tilt + rise };
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
