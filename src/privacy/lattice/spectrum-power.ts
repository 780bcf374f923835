/**
 * Products of powers of characteristic functions: the transform of the loss of many steps, from those of single steps.
 *
 * A step's masses are an atom w at index 0 and the rest, whose transform is r: the step's is w + r. Where almost all mass is
 * the atom, as with a small sampling rate, what is composed is Π(w + r)^T − Πw^T, the rest alone: both are about 1, and the
 * difference may be 1e-12. By log1p and expm1 of r/w nothing of it is lost.
 */

import { UNIT } from "../rounding.js";

/** Half of a real sequence's transform, frequencies 0 … length/2. */
export interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
  /** The Euclidean norm over all frequencies, and a bound on that of the error. */
  readonly norm: number;
  readonly error: number;
  /** log Πw^T, which is left out; −∞ where nothing is. */
  readonly logAtom: number;
}

/** Steps of one kind. */
export interface Factor {
  /** w > 1/2, or 0: none is kept apart. */
  readonly atom: number;
  /** A step's r is off by at most this at a frequency, and by `errorNorm` over all of them, in the Euclidean norm. */
  readonly error: number;
  readonly errorNorm: number;
  readonly steps: number;
}

/** A power's relative error by step: logarithm, angle, products of rows. */
const PER_STEP = 8 * UNIT;

/** e^(this) is nothing beside a sum of 1, and is counted as an error. */
const NOTHING = -60;

export class SpectrumPower {
  /** log |Π(w + r)^T| less log Πw^T, and its angle. */
  private readonly logSize: Float64Array;
  private readonly angle: Float64Array;
  /** log of a bound on the true product's size, and relative errors: what came in, and what is added here. */
  private readonly logBound: Float64Array;
  private readonly relative: Float64Array;
  private readonly rounded: Float64Array;
  private logAtoms = 0;
  private isApart = true;
  private largestError = 0;
  private errorNorms = 0;

  constructor(private readonly length: number) {
    const half = length / 2 + 1;
    this.logSize = new Float64Array(half);
    this.angle = new Float64Array(half);
    this.logBound = new Float64Array(half);
    this.relative = new Float64Array(half);
    this.rounded = new Float64Array(half);
  }

  /** Before a row's frequencies: what they have in common. */
  begin({ atom, steps, error, errorNorm }: Factor): void {
    this.largestError += steps * error;
    this.errorNorms += steps * errorNorm;
    if (atom > 0) this.logAtoms += steps * Math.log(atom);
    else this.isApart = false;
  }

  /** Times (w + r)^T at frequency j, r = re + i·im. */
  multiply(j: number, re: number, im: number, { atom, error, steps }: Factor): void {
    const whole = atom + re;
    const size = Math.sqrt(whole * whole + im * im);
    const bound = size + error;
    const logBound = (this.logBound[j] as number) + steps * Math.log(bound);
    this.logBound[j] = logBound;
    // Of most frequencies nothing is left after many steps.
    if (logBound < NOTHING) {
      this.logSize[j] = Number.NEGATIVE_INFINITY;
      return;
    }
    const unit = atom || 1;
    const share = (re * re + im * im) / (unit * unit);
    const isSmall = atom > 0 && share < 0.25;
    const logSize = isSmall ? 0.5 * Math.log1p((2 * re) / unit + share) : Math.log(size / unit);
    this.logSize[j] = (this.logSize[j] as number) + steps * logSize;
    this.angle[j] = (this.angle[j] as number) + steps * Math.atan2(im, whole);
    this.relative[j] = (this.relative[j] as number) + steps * (error / bound);
    const lost = isSmall ? 2 * PER_STEP * Math.sqrt(share) : PER_STEP;
    this.rounded[j] = (this.rounded[j] as number) + steps * lost;
  }

  /** Ends it: its arrays are handed over. */
  finish(): Spectrum {
    const { length, logSize, angle, logBound, relative, rounded, logAtoms } = this;
    const logAtom = this.isApart && logAtoms > NOTHING ? logAtoms : Number.NEGATIVE_INFINITY;
    const atom = Math.exp(logAtom);
    let squares = 0;
    let errorSquares = 0;
    let roundedSquares = 0;
    for (let j = 0; j <= length / 2; j++) {
      const count = j === 0 || j === length / 2 ? 1 : 2;
      const log = logSize[j] as number;
      const turn = angle[j] as number;
      const size = Math.exp(logAtoms + log);
      const sine = Math.sin(turn / 2);
      // size·cos(turn) − atom, without cancellation.
      const re = (atom > 0 ? atom * Math.expm1(log) : size) - 2 * size * sine * sine;
      const im = size * Math.sin(turn);
      const bound = Math.exp(logBound[j] as number);
      const error = bound * (size === 0 ? 1 : Math.min(2, relative[j] as number));
      const lost = bound * (size === 0 ? 0 : Math.min(2, rounded[j] as number));
      squares += count * (re * re + im * im);
      errorSquares += count * error * error;
      roundedSquares += count * lost * lost;
      logSize[j] = re;
      angle[j] = im;
    }
    const norm = Math.sqrt(squares);
    // Either each frequency at its most, or all of them together, none of whose true sizes is above 1.
    const cameIn = Math.min(Math.sqrt(errorSquares), this.errorNorms * Math.exp(this.largestError));
    // The exponent's rounding, and that of this loop, are in proportion to the result.
    const rounding = Math.sqrt(roundedSquares) + 8 * UNIT * (8 + Math.abs(logAtoms)) * norm;
    return { re: logSize, im: angle, norm, error: cameIn + rounding, logAtom };
  }
}
