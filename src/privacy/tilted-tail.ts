/**
 * From a tilted distribution of the loss L to the ε at which δ(ε) = E[(1 − e^(ε−L))₊] is δ: the sum over L > ε of
 * M·e^(−cε)·w(L)·e^(−cx)·(1 − e^(−x)), x = L − ε, taken from the largest loss downwards. Every term of the recursion is
 * positive: nothing cancels.
 */
import type { TiltedLoss } from "./tilted-composition.js";

/** The sums at a loss ℓ over all L ≥ ℓ, x = L − ℓ: Σ w·e^(−cx)(1 − e^(−x)) and Σ w·e^(−(c+1)x). */
interface Sums {
  readonly loss: number;
  readonly tail: number;
  readonly decayed: number;
}

/** What a walk adds to each weight, and to each tail before it is compared. */
interface Margin {
  weight(value: number): number;
  readonly tail: number;
}

/** More than the recursion's own rounding, of a million points. */
const RECURSION = 2 ** -30;

/**
 * The smallest ε ≥ 0 with δ(ε) ≤ `delta`, rounded up. `from`: the smallest loss of the circle's window. `lost`: bounds
 * what δ(ε) holds besides: losses beyond the window and infinite ones. Infinity where `lost` alone is too much.
 */
export function epsilonAbove(loss: TiltedLoss, from: number, delta: number, lost: number): number {
  const target = (delta - lost) * (1 - RECURSION);
  if (!(target > 0)) return Number.POSITIVE_INFINITY;
  return walk(loss, from, target, { weight: (value) => Math.max(0, value) + loss.weightError, tail: 0 });
}

/**
 * The same rounded down: no ε below it has δ(ε) ≤ `delta`. `wrapped`: bounds the tilted mass that belongs below the window
 * or so far above that it came round.
 */
export function epsilonBelow(loss: TiltedLoss, from: number, delta: number, wrapped: number): number {
  const { tilt, weightError } = loss;
  // No more than this of a wrapped mass is counted: the maximum of e^(−cx)(1 − e^(−x)).
  const most = Math.exp(tilt * Math.log(tilt / (tilt + 1))) / (tilt + 1);
  return walk(loss, from, delta * (1 + RECURSION), {
    weight: (value) => Math.max(0, value - weightError),
    tail: -wrapped * most * Math.exp(tilt * loss.spacing),
  });
}

function walk(loss: TiltedLoss, from: number, target: number, margin: Margin): number {
  const { weights, spacing, tilt, logMoment } = loss;
  const { length } = weights;
  const sign = loss.direction === "remove" ? 1 : -1;
  const top = topIndex(loss, from);
  const fall = Math.exp(-tilt * spacing);
  const fallOne = Math.exp(-spacing);
  const rest = -Math.expm1(-spacing);
  const logTarget = Math.log(target) - logMoment;
  let at: Sums = { loss: Number.POSITIVE_INFINITY, tail: 0, decayed: 0 };
  let position = modulo(top, length);
  for (let m = 0; m < length; m++) {
    const here = sign * (loss.base + (top - sign * m) * spacing);
    const tail = fall * (at.tail + at.decayed * rest);
    if (tail + margin.tail > Math.exp(logTarget + tilt * here)) return between(at, tilt, logTarget, margin.tail);
    if (here <= 0) return between(at, tilt, logTarget, margin.tail);
    at = { loss: here, tail, decayed: at.decayed * fall * fallOne + margin.weight(weights[position] as number) };
    position -= sign;
    if (position < 0) position += length;
    else if (position === length) position = 0;
  }
  return Math.max(0, at.loss);
}

/** Within the spacing below `at`, where no mass lies: δ(ε) is proportional to tail + decayed·(1 − e^(−t)), t = at.loss − ε. */
function between(at: Sums, tilt: number, logTarget: number, tailMargin: number): number {
  const wanted = (Math.exp(logTarget + tilt * at.loss) - at.tail - tailMargin) / at.decayed;
  if (!(wanted < 1)) return 0;
  return Math.max(0, at.loss + Math.log1p(-Math.max(0, wanted)));
}

/** The lattice index of the largest loss in the window that begins at `from`. */
function topIndex({ direction, base, spacing, weights }: TiltedLoss, from: number): number {
  if (direction === "remove") return Math.floor((from - base) / spacing) + weights.length - 1;
  return Math.ceil((-from - base) / spacing) - weights.length + 1;
}

function modulo(value: number, length: number): number {
  const rest = value % length;
  return rest < 0 ? rest + length : rest;
}
