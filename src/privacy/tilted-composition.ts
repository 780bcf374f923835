/**
 * The distribution of the privacy loss of many steps: each step's, as a power in Fourier space (Koskela, Jälkö, Honkela
 * 2020; Gopi, Lee, Wutschitz 2021), exponentially tilted.
 *
 * A mass p at loss L is held as p·e^(cL)/M, M the sum of all of them, with c such that the bulk lies about the ε in
 * question: what rounding does to it is then small beside δ, however small δ is. Untilted, a transform in float64 knows
 * nothing below 1e-16. Removal and addition of an example have different distributions; they go through one complex
 * transform as its real and imaginary parts.
 */
import FFT from "fft.js";
import type { LossLattice } from "./loss-lattice.js";

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
  /** Bounds what rounding did to one weight. */
  readonly weightError: number;
  readonly base: number;
  readonly spacing: number;
}

const UNIT = 2 ** -53;

/** A transform's output is off by at most this per halving of its length, of the inputs' absolute sum: twiddles and additions. */
const PER_LEVEL = 4 * UNIT;

/** Smaller weights than e^(this) are left out: all together they are nothing beside a transform's rounding. */
const UNSEEN = -100;

/** A power's relative error by step: logarithm, angle, products of rows. */
const PER_STEP = 8 * UNIT;

/** e^(this) is nothing beside a sum of 1, and is counted as an error. */
const NOTHING = -60;

/** a of E_Q[X^a] for tilt c: P's e^(c·loss) is Q's X^(c+1) for removal, X^(−c) for addition. */
export function momentOrder(direction: DirectionName, tilt: number): number {
  return direction === "remove" ? tilt + 1 : -tilt;
}

/** log Σ Q·e^(order·loss) over a lattice. */
export function latticeMoment({ offset, spacing, logMass }: LossLattice, order: number): number {
  const { length } = logMass;
  let largest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < length; k++) largest = Math.max(largest, order * spacing * k + (logMass[k] as number));
  let sum = 0;
  for (let k = 0; k < length; k++) sum += Math.exp(order * spacing * k + (logMass[k] as number) - largest);
  return order * offset + largest + Math.log(sum);
}

/** Composes `rows` on a circle of `length` = 2^m points; all lattices share one spacing. */
export function composeTilted(
  rows: readonly LatticeSteps[],
  length: number,
  tilts: Tilts,
): Readonly<Record<DirectionName, TiltedLoss>> {
  const transform = transformOf(length);
  const data = new Float64Array(2 * length);
  const spectrum = new Float64Array(2 * length);
  const remove = new SpectrumPower(length);
  const add = new SpectrumPower(length);
  const logMoments = { remove: 0, add: 0 };
  const eta = 2 * PER_LEVEL * Math.log2(length);
  let base = 0;
  for (const { lattice, steps } of rows) {
    base += steps * lattice.offset;
    data.fill(0);
    logMoments.remove += steps * placeTilted(lattice, momentOrder("remove", tilts.remove), data, 0);
    logMoments.add += steps * placeTilted(lattice, momentOrder("add", tilts.add), data, 1);
    transform.transform(spectrum, data);
    for (let j = 0; j <= length / 2; j++) {
      const mirror = (length - j) % length;
      const re = spectrum[2 * j] as number;
      const im = spectrum[2 * j + 1] as number;
      const mirrorRe = spectrum[2 * mirror] as number;
      const mirrorIm = spectrum[2 * mirror + 1] as number;
      remove.multiply(j, (re + mirrorRe) / 2, (im - mirrorIm) / 2, steps, eta);
      add.multiply(j, (im + mirrorIm) / 2, (mirrorRe - re) / 2, steps, eta);
    }
  }
  const a = remove.finish();
  const b = add.finish();
  for (let j = 0; j <= length / 2; j++) {
    const mirror = (length - j) % length;
    const [aRe, aIm, bRe, bIm] = [a.re[j] as number, a.im[j] as number, b.re[j] as number, b.im[j] as number];
    data[2 * j] = aRe - bIm;
    data[2 * j + 1] = aIm + bRe;
    data[2 * mirror] = aRe + bIm;
    data[2 * mirror + 1] = bRe - aIm;
  }
  transform.inverseTransform(spectrum, data);
  const inverseError = PER_LEVEL * Math.log2(length) * (a.size + b.size);
  const weightError = (a.error + b.error + inverseError) / length;
  const make = (direction: DirectionName, part: 0 | 1): TiltedLoss => ({
    direction,
    tilt: tilts[direction],
    logMoment: logMoments[direction],
    weights: everySecond(spectrum, part),
    weightError,
    base,
    spacing: rows[0]?.lattice.spacing as number,
  });
  return { remove: make("remove", 0), add: make("add", 1) };
}

function everySecond(values: Float64Array, first: 0 | 1): Float64Array {
  const half = new Float64Array(values.length / 2);
  for (let j = 0; j < half.length; j++) half[j] = values[2 * j + first] as number;
  return half;
}

/** Adds the tilted masses to `data`, real or imaginary part, and gives log of their sum before that. */
function placeTilted(lattice: LossLattice, order: number, data: Float64Array, part: 0 | 1): number {
  const { offset, spacing, logMass } = lattice;
  const moment = latticeMoment(lattice, order);
  const size = data.length / 2;
  for (let k = 0; k < logMass.length; k++) {
    const at = 2 * (k % size) + part;
    const logWeight = order * (offset + k * spacing) + (logMass[k] as number) - moment;
    if (logWeight > UNSEEN) data[at] = (data[at] as number) + Math.exp(logWeight);
  }
  return moment;
}

/** The product of powers of a real sequence's transforms, non-negative frequencies alone, beside bounds on its error. */
class SpectrumPower {
  private readonly logSize: Float64Array;
  private readonly angle: Float64Array;
  /** log of a bound on the true value, and the relative error times its size. */
  private readonly logBound: Float64Array;
  private readonly relative: Float64Array;

  constructor(private readonly length: number) {
    const half = length / 2 + 1;
    this.logSize = new Float64Array(half);
    this.angle = new Float64Array(half);
    this.logBound = new Float64Array(half);
    this.relative = new Float64Array(half);
  }

  /** Times (re + i·im)^steps at frequency j, which is off by `eta` at most. */
  multiply(j: number, re: number, im: number, steps: number, eta: number): void {
    const size = Math.sqrt(re * re + im * im);
    const bound = size + eta;
    const logBound = steps * Math.log(bound);
    this.logBound[j] = (this.logBound[j] as number) + logBound;
    // Of most frequencies nothing is left after many steps.
    if ((this.logBound[j] as number) < NOTHING) {
      this.logSize[j] = Number.NEGATIVE_INFINITY;
      return;
    }
    const logSize = Math.log(size);
    this.logSize[j] = (this.logSize[j] as number) + steps * logSize;
    this.angle[j] = (this.angle[j] as number) + steps * Math.atan2(im, re);
    this.relative[j] = (this.relative[j] as number) + steps * (eta / bound + PER_STEP);
  }

  finish(): { re: Float64Array; im: Float64Array; size: number; error: number } {
    const { length, logSize, angle, logBound, relative } = this;
    let size = 0;
    let error = 0;
    for (let j = 0; j <= length / 2; j++) {
      const count = j === 0 || j === length / 2 ? 1 : 2;
      const bound = Math.exp(logBound[j] as number);
      const value = Math.exp(logSize[j] as number);
      const turn = angle[j] as number;
      size += count * value;
      error += count * (value === 0 ? bound : bound * Math.min(2, relative[j] as number));
      logSize[j] = value * Math.cos(turn);
      angle[j] = value * Math.sin(turn);
    }
    return { re: logSize, im: angle, size, error };
  }
}

const transforms = new Map<number, FFT>();
const MOST_TRANSFORMS = 4;

/** Transforms hold tables of their length: a query uses the same few again and again. */
function transformOf(length: number): FFT {
  const known = transforms.get(length);
  if (known) return known;
  if (transforms.size >= MOST_TRANSFORMS) transforms.clear();
  const made = new FFT(length);
  transforms.set(length, made);
  return made;
}
