/**
 * One step's privacy loss L, tilted: the characteristic function E[e^((c + iu)·L)]/E[e^(cL)], with a bound on its error and on its
 * size at all larger u. For a sample it is an integral (sampled-step.ts), for the whole data it is known.
 */

import type { DirectionName } from "../lattice/tilted-composition.js";
import type { SampledGaussian } from "../mechanism.js";
import { UNIT } from "../rounding.js";
import { sampledStep } from "./sampled-step.js";

/** A step's loss at tilt c. */
export interface TiltedStep {
  /** log E[e^(cL)]. */
  readonly logMoment: number;
  /** The tilted loss's mean, by which the characteristic function is centred. */
  readonly mean: number;
  /** And its variance, about: for plans. */
  readonly variance: number;
  /** logMoment is off by at most this. */
  readonly momentError: number;
  /** What a frequency costs. */
  readonly work: number;
  /** The characteristic function's size is at most e^(−decay) at all frequencies from this one on. */
  decay(frequency: number): number;
  /** The characteristic function is off by at most this, up to the cut. */
  error(frequency: number): number;
  /** The centred characteristic function less 1, at multiples of `spacing` up to the cut: as many as the arrays are long. */
  fill(spacing: number, re: Float64Array, im: Float64Array): void;
}

/** A line of integration: P's e^(cL) for removal of an example, Q's e^(−cL) for addition. */
export interface Tilt {
  readonly direction: DirectionName;
  /** c > 0. */
  readonly tilt: number;
  /** The largest frequency u. */
  readonly cut: number;
}

/** Undefined where the loss is no analytic function, or quadrature too long. */
export function tiltedStep(mechanism: SampledGaussian, tilt: Tilt): TiltedStep | undefined {
  if (mechanism.sample) return undefined;
  if (mechanism.samplingRate < 1) return sampledStep(mechanism, tilt);
  return mechanism.relation ? undefined : new WholeStep(mechanism.noiseMultiplier, tilt);
}

/** A step of the whole data: its loss is Gaussian, tilted or not. */
class WholeStep implements TiltedStep {
  readonly logMoment: number;
  readonly mean: number;
  readonly momentError: number;
  readonly work = 1;
  readonly variance: number;

  constructor(noiseMultiplier: number, { tilt }: Tilt) {
    this.variance = 1 / noiseMultiplier ** 2;
    // Of either direction: of order c + 1 and of −c.
    this.logMoment = (tilt * (tilt + 1) * this.variance) / 2;
    this.mean = (tilt + 0.5) * this.variance;
    this.momentError = 8 * UNIT * this.logMoment;
  }

  decay(frequency: number): number {
    return (frequency * frequency * this.variance * (1 - 16 * UNIT)) / 2;
  }

  error(frequency: number): number {
    return 4 * UNIT * Math.min(1, frequency * frequency * this.variance);
  }

  fill(spacing: number, re: Float64Array, im: Float64Array): void {
    im.fill(0);
    for (let j = 0; j < re.length; j++) re[j] = Math.expm1(-((j * spacing) ** 2 * this.variance) / 2);
  }
}
