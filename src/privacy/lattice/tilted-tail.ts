/**
 * From a tilted distribution of the loss L to the ε at which δ(ε) = E[(1 − e^(ε−L))₊] is δ: the sum over L > ε of
 * M·e^(−cε)·w(L)·g(x), g(x) = e^(−cx)·(1 − e^(−x)), x = L − ε, taken from the largest loss downwards. Every term of the
 * recursion is positive: nothing cancels.
 */
import { modulo, type TiltedLoss } from "./tilted-composition.js";

/** The sums at a loss ℓ over all L ≥ ℓ, x = L − ℓ: Σ w·g(x) and Σ w·e^(−(c+1)x). */
interface Sums {
  readonly loss: number;
  readonly tail: number;
  readonly decayed: number;
}

/** More than the recursion's own rounding, of a million points. */
const RECURSION = 2 ** -30;

/** Losses that are first compared together. */
const BLOCK = 64;

/**
 * The smallest ε ≥ 0 with δ(ε) ≤ `delta`, rounded up. `from`: the smallest loss of the circle's window. `lost`: bounds
 * what δ(ε) holds besides: losses beyond the window and infinite ones. Infinity where `lost` alone is too much.
 */
export function epsilonAbove(loss: TiltedLoss, from: number, delta: number, lost: number): number {
  const target = (delta - lost) * (1 - RECURSION);
  if (!(target > 0)) return Number.POSITIVE_INFINITY;
  return walk(loss, from, target, roundingOf(loss)) ?? Math.max(0, from + loss.spacing);
}

/**
 * The same rounded down: no ε below it has δ(ε) ≤ `delta`. `wrapped`: bounds the tilted mass that belongs below the window
 * or so far above that it came round.
 */
export function epsilonBelow(loss: TiltedLoss, from: number, delta: number, wrapped: number): number {
  const off = roundingOf(loss) + wrapped * mostOf(loss.tilt);
  return walk(loss, from, delta * (1 + RECURSION), -off) ?? 0;
}

/** The most of g. */
function mostOf(tilt: number): number {
  return Math.exp(tilt * Math.log(tilt / (tilt + 1))) / (tilt + 1);
}

/**
 * What the weights' rounding can be of a sum: by Cauchy and Schwarz its norm times that of g over the lattice, where
 * Σ g² ≤ max g² + ∫g²/spacing, for g² rises and falls once.
 */
function roundingOf({ tilt, spacing, weightError }: TiltedLoss): number {
  const integral = 1 / (2 * tilt * (2 * tilt + 1) * (tilt + 1));
  return weightError * Math.sqrt(mostOf(tilt) ** 2 + integral / spacing) * (1 + RECURSION);
}

/** The ε where the sum and `margin` come to `target`, 0 where that is below 0, undefined where it is below the window. */
function walk(loss: TiltedLoss, from: number, target: number, margin: number): number | undefined {
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
  let least = 0;
  for (let m = 0; m < length; m++) {
    const here = sign * (loss.base + (top - sign * m) * spacing);
    const tail = fall * (at.tail + at.decayed * rest);
    // What has to be exceeded falls with the loss: that of a block's end is exceeded first.
    if (m % BLOCK === 0) least = Math.exp(logTarget + tilt * (here - BLOCK * spacing));
    if (tail + margin > least && tail + margin > Math.exp(logTarget + tilt * here)) {
      return Math.max(0, here, between(at, loss, logTarget, margin));
    }
    if (here <= 0) return 0;
    const weight = Math.max(0, weights[position] as number);
    at = { loss: here, tail, decayed: at.decayed * fall * fallOne + weight };
    position -= sign;
    if (position < 0) position += length;
    else if (position === length) position = 0;
  }
  return undefined;
}

/**
 * Within the spacing below `at`, where no mass lies: δ(ε) is proportional to tail + decayed·(1 − e^(−t)), t = at.loss − ε,
 * and the margin, of ε, weighs e^(ct) ≤ e^(c·spacing) as much there.
 */
function between(at: Sums, { tilt, spacing }: TiltedLoss, logTarget: number, margin: number): number {
  const off = margin * Math.exp(tilt * spacing);
  const wanted = (Math.exp(logTarget + tilt * at.loss) - at.tail - off) / at.decayed;
  if (Number.isFinite(wanted) && wanted < 1) return at.loss + Math.log1p(-Math.max(0, wanted));
  // Out of float64's range: the end on the safe side.
  return margin > 0 ? at.loss : Number.NEGATIVE_INFINITY;
}

/** The lattice index of the largest loss in the window that begins at `from`. */
function topIndex({ direction, base, spacing, weights }: TiltedLoss, from: number): number {
  if (direction === "remove") return Math.floor((from - base) / spacing) + weights.length - 1;
  return Math.ceil((-from - base) / spacing) - weights.length + 1;
}
