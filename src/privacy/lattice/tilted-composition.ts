/**
 * The distribution of the privacy loss of many steps: each step's, as a power in Fourier space (Koskela, Jälkö, Honkela
 * 2020; Gopi, Lee, Wutschitz 2021), exponentially tilted.
 *
 * A mass p at loss L is held as p·e^(cL)/M, M the sum of all of them, with c such that what rounding does to it is small
 * beside δ, however small δ is: untilted, a transform in float64 knows nothing below 1e-16. Removal and addition of an
 * example have different distributions; they go through one complex transform as its real and imaginary parts.
 */
import { transformOf } from "../../transforms.js";
import { UNIT } from "../rounding.js";
import type { LossLattice } from "./loss-lattice.js";
import { type Factor, type Spectrum, SpectrumPower } from "./spectrum-power.js";

/** Steps of one lattice. */
export interface LatticeSteps {
  readonly lattice: LossLattice;
  readonly steps: number;
}

/** c > 0 of either direction. */
export interface Tilts {
  readonly remove: number;
  readonly add: number;
}

export type DirectionName = keyof Tilts;

/** The loss of all steps in one direction, tilted, on a circle of lattice points. */
export interface TiltedLoss {
  readonly direction: DirectionName;
  readonly tilt: number;
  /** log of what the masses were divided by, all steps together. */
  readonly logMoment: number;
  /** Index j modulo its length: loss base + j·spacing, negated for addition. */
  readonly weights: Float64Array;
  /** Bounds what rounding did to the weights: the Euclidean norm of the error. */
  readonly weightError: number;
  readonly base: number;
  readonly spacing: number;
}

/**
 * A transform's output is off by at most this per halving of its length: a number of it, of the inputs' absolute sum; all of
 * it in the Euclidean norm, of its own (Higham 2002, theorem 24.2). Twiddles and additions.
 */
const PER_LEVEL = 4 * UNIT;

/** Smaller weights than e^(this) are left out: all together they are nothing beside a transform's rounding. */
const UNSEEN = -100;

/** a of E_Q[X^a] for tilt c: P's e^(c·loss) is Q's X^(c+1) for removal, X^(−c) for addition. */
export function momentOrder(direction: DirectionName, tilt: number): number {
  return direction === "remove" ? tilt + 1 : -tilt;
}

/** log Σ Q·e^(order·loss) over a lattice, without the point `except`. */
export function latticeMoment({ offset, spacing, logMass }: LossLattice, order: number, except = -1): number {
  const { length } = logMass;
  let largest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < length; k++) {
    if (k !== except) largest = Math.max(largest, order * spacing * k + (logMass[k] as number));
  }
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  let sum = 0;
  for (let k = 0; k < length; k++) {
    if (k !== except) sum += Math.exp(order * spacing * k + (logMass[k] as number) - largest);
  }
  return order * offset + largest + Math.log(sum);
}

/** Composes `rows` on a circle of `length` = 2^m points; all lattices share one spacing. */
export function composeTilted(
  rows: readonly LatticeSteps[],
  length: number,
  tilts: Tilts,
): Readonly<Record<DirectionName, TiltedLoss>> {
  const transform = transformOf(length);
  const perSum = PER_LEVEL * Math.log2(length);
  const data = new Float64Array(2 * length);
  const spectrum = new Float64Array(2 * length);
  const remove = new SpectrumPower(length);
  const add = new SpectrumPower(length);
  const logMoments = { remove: 0, add: 0 };
  let base = 0;
  for (const { lattice, steps } of rows) {
    base += steps * (lattice.offset + lattice.atom * lattice.spacing);
    data.fill(0);
    const a = placeTilted(lattice, momentOrder("remove", tilts.remove), data, 0);
    const b = placeTilted(lattice, momentOrder("add", tilts.add), data, 1);
    logMoments.remove += steps * a.logMoment;
    logMoments.add += steps * b.logMoment;
    transform.transform(spectrum, data);
    // Either part was placed with a sum of 1.
    const outputNorm = Math.sqrt(length) * euclidean(data);
    const factorOf = ({ atom, rest }: Placed): Factor => ({
      atom,
      error: 2 * perSum * rest,
      errorNorm: perSum * outputNorm * rest,
      steps,
    });
    multiplyBoth(spectrum, [remove, factorOf(a), a.rest], [add, factorOf(b), b.rest]);
  }
  const a = remove.finish();
  const b = add.finish();
  packBoth(data, a, b);
  transform.inverseTransform(spectrum, data);
  const make = (direction: DirectionName, part: 0 | 1, { norm, error, logAtom }: Spectrum): TiltedLoss => {
    const weights = everySecond(spectrum, part, norm);
    weights[0] = (weights[0] as number) + Math.exp(logAtom);
    return {
      direction,
      tilt: tilts[direction],
      logMoment: logMoments[direction],
      weights,
      weightError: (error + 2 * perSum * norm) / Math.sqrt(length),
      base,
      spacing: rows[0]?.lattice.spacing as number,
    };
  };
  return { remove: make("remove", 0, a), add: make("add", 1, b) };
}

type Power = readonly [power: SpectrumPower, factor: Factor, scale: number];

/** Multiplies both by their parts of a transform: of the real numbers that went in, and of the imaginary ones. */
function multiplyBoth(spectrum: Float64Array, [remove, a, scaleA]: Power, [add, b, scaleB]: Power): void {
  const length = spectrum.length / 2;
  remove.begin(a);
  add.begin(b);
  for (let j = 0; j <= length / 2; j++) {
    const mirror = (length - j) % length;
    const re = spectrum[2 * j] as number;
    const im = spectrum[2 * j + 1] as number;
    const mirrorRe = spectrum[2 * mirror] as number;
    const mirrorIm = spectrum[2 * mirror + 1] as number;
    remove.multiply(j, (scaleA * (re + mirrorRe)) / 2, (scaleA * (im - mirrorIm)) / 2, a);
    add.multiply(j, (scaleB * (im + mirrorIm)) / 2, (scaleB * (mirrorRe - re)) / 2, b);
  }
}

/** The way back: a's inverse will be the real part, b's the imaginary one, both over their norms. */
function packBoth(data: Float64Array, a: Spectrum, b: Spectrum): void {
  const length = data.length / 2;
  const scaleA = 1 / (a.norm || 1);
  const scaleB = 1 / (b.norm || 1);
  for (let j = 0; j <= length / 2; j++) {
    const mirror = (length - j) % length;
    const aRe = scaleA * (a.re[j] as number);
    const aIm = scaleA * (a.im[j] as number);
    const bRe = scaleB * (b.re[j] as number);
    const bIm = scaleB * (b.im[j] as number);
    data[2 * j] = aRe - bIm;
    data[2 * j + 1] = aIm + bRe;
    data[2 * mirror] = aRe + bIm;
    data[2 * mirror + 1] = bRe - aIm;
  }
}

function euclidean(values: Float64Array): number {
  let squares = 0;
  for (let j = 0; j < values.length; j++) squares += (values[j] as number) ** 2;
  return Math.sqrt(squares);
}

function everySecond(values: Float64Array, first: 0 | 1, scale: number): Float64Array {
  const half = new Float64Array(values.length / 2);
  for (let j = 0; j < half.length; j++) half[j] = scale * (values[2 * j + first] as number);
  return half;
}

/** Tilted masses of a lattice, of which the sum is 1. */
interface Placed {
  /** log of what they were divided by. */
  readonly logMoment: number;
  /** What was kept apart, 0 if it is less than half. */
  readonly atom: number;
  /** The sum of the others. */
  readonly rest: number;
}

/** Adds the tilted masses, the atom apart, over their sum to `data`, real or imaginary part: index 0 is the atom's. */
function placeTilted(lattice: LossLattice, order: number, data: Float64Array, part: 0 | 1): Placed {
  const { offset, spacing, logMass, atom } = lattice;
  const logMoment = latticeMoment(lattice, order);
  const logAtom = order * (offset + atom * spacing) + (logMass[atom] as number);
  const logRest = latticeMoment(lattice, order, atom);
  const isApart = logAtom > logRest;
  const logSum = isApart ? logRest : logMoment;
  const size = data.length / 2;
  for (let k = 0; k < logMass.length; k++) {
    if (isApart && k === atom) continue;
    const logWeight = order * (offset + k * spacing) + (logMass[k] as number) - logSum;
    if (!(logWeight > UNSEEN)) continue;
    const at = 2 * modulo(k - atom, size) + part;
    data[at] = (data[at] as number) + Math.exp(logWeight);
  }
  if (!isApart) return { logMoment, atom: 0, rest: 1 };
  return { logMoment, atom: Math.exp(logAtom - logMoment), rest: Math.exp(logRest - logMoment) };
}

/** `value` mod `count`, from 0 on. */
export function modulo(value: number, count: number): number {
  const rest = value % count;
  return rest < 0 ? rest + count : rest;
}
