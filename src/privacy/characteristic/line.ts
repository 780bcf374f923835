/**
 * δ(ε) by the characteristic function of the total privacy loss L (Zhu, Dong, Wang 2022, arXiv:2106.08567), on a line c + iu, c > 0:
 *
 *   δ(ε) = E[(1 − e^(ε − L))₊] = 1/2π·∫ E[e^(sL)]·e^(−sε)/(s·(s + 1)) du, s = c + iu.
 *
 * The sum over multiples of a spacing Δ is, by Poisson's formula, not δ(ε) but Σ_j e^(cjτ)·δ(ε + jτ), τ = 2π/Δ, over all integers
 * j. No term is negative: the sum bounds δ(ε) from above, and from below less what the others can be.
 */

import type { DirectionName } from "../lattice/tilted-composition.js";
import { UNIT } from "../rounding.js";
import type { TiltedStep } from "./tilted-step.js";

/** Steps of one kind. */
export interface TiltedSteps {
  readonly step: TiltedStep;
  readonly steps: number;
}

export interface LinePlan {
  readonly direction: DirectionName;
  /** c. */
  readonly tilt: number;
  /** c′ > c, whose moment bounds the terms j > 0. */
  readonly tiltFar: number;
  /** Δ. */
  readonly spacing: number;
  /** Frequencies besides 0. */
  readonly count: number;
}

/** A row's power is off by this, of what its logarithm and angle are: logarithms, products, their sum. */
const PER_ROW = 16 * UNIT;

/** log E[e^(cL)] of all steps. */
export function totalMoment(rows: readonly TiltedSteps[]): number {
  return sum(rows, ({ logMoment }) => logMoment);
}

/** The decay of the characteristic function of all steps. */
export function totalDecay(rows: readonly TiltedSteps[], frequency: number): number {
  return sum(rows, (step) => step.decay(frequency));
}

function sum(rows: readonly TiltedSteps[], of: (step: TiltedStep) => number): number {
  return rows.reduce((total, { step, steps }) => total + steps * of(step), 0);
}

/** Σ_(j ≥ 1) e^(−jx). */
export function geometric(x: number): number {
  return 1 / Math.expm1(x);
}

export class CharacteristicLine {
  /** log E[e^(cL)] and the mean of L, tilted. */
  private readonly moment: number;
  private readonly mean: number;
  /** Of the terms: sizes, and angles but for that of e^(iu(mean − ε)). */
  private readonly sizes: Float64Array;
  private readonly angles: Float64Array;
  /** Bounds what the terms' sum is off by: their errors, and those beyond the last. */
  private readonly error: number;
  /** log E[e^(cL)], and so everything, is off by at most this. */
  private readonly momentError: number;
  private readonly farMoment: number;
  private readonly kinds: number;

  /** `rows` at the plan's tilt, `far` at its tiltFar. */
  constructor(
    rows: readonly TiltedSteps[],
    far: readonly TiltedSteps[],
    private readonly plan: LinePlan,
  ) {
    const { count, tilt, spacing } = plan;
    this.kinds = rows.length;
    this.moment = totalMoment(rows);
    this.mean = sum(rows, ({ mean }) => mean);
    this.momentError = totalMomentError(rows);
    this.farMoment = totalMoment(far) + totalMomentError(far);
    const product = powers(rows, spacing, count);
    this.sizes = new Float64Array(count + 1);
    this.angles = new Float64Array(count + 1);
    let error = 0;
    for (let j = 0; j <= count; j++) {
      const u = j * spacing;
      const weight = (j === 0 ? 1 : 2) / Math.sqrt((tilt * tilt + u * u) * ((tilt + 1) ** 2 + u * u));
      this.sizes[j] = weight * Math.exp(product.logSize[j] as number);
      this.angles[j] = (product.angle[j] as number) - Math.atan2(u, tilt) - Math.atan2(u, tilt + 1);
      error += weight * Math.exp(product.logBound[j] as number) * Math.min(2, product.error[j] as number);
    }
    // Σ Δ/(c² + u²) over the terms beyond is at most the integral, arctan(c/u)/c; as many are below.
    const last = count * spacing;
    const beyond = ((2 / spacing) * Math.exp(-totalDecay(rows, last + spacing)) * Math.atan2(tilt, last)) / tilt;
    this.error = (error + beyond) * (1 + 2 ** -30);
  }

  /** δ(ε) is at most this. */
  above(epsilon: number): number {
    const { value, off, factor } = this.at(epsilon);
    return (value + off) * factor;
  }

  /** And at least this. */
  below(epsilon: number): number {
    const { value, off, factor } = this.at(epsilon);
    const { tilt, tiltFar, spacing } = this.plan;
    const period = (2 * Math.PI) / spacing;
    const exponent = 4 * UNIT * (8 + Math.abs(this.farMoment) + tiltFar * Math.abs(epsilon));
    const far = Math.exp(this.farMoment - tiltFar * epsilon + exponent) * geometric((tiltFar - tilt) * period);
    return (value - off) / factor - (geometric(tilt * period) + far) * (1 + 2 ** -30);
  }

  /** δ(ε) and all that came round with it is `value`, which `off` may be missing from, or too much, and `factor` at most. */
  private at(epsilon: number): { value: number; off: number; factor: number } {
    const { moment, sizes, angles, plan, mean } = this;
    const shift = mean - epsilon;
    // Of an angle: what mean and ε are made of may be larger than their difference.
    const misplaced = (4 + this.kinds) * (Math.abs(mean) + Math.abs(epsilon)) * plan.spacing;
    let total = 0;
    let rounding = 0;
    for (let j = 0; j < sizes.length; j++) {
      const turn = j * plan.spacing * shift;
      const angle = angles[j] as number;
      const size = sizes[j] as number;
      total += size * Math.cos(angle + turn);
      rounding += size * (8 + sizes.length + 4 * (Math.abs(angle) + Math.abs(turn)) + j * misplaced);
    }
    const scale = (plan.spacing / (2 * Math.PI)) * Math.exp(moment - plan.tilt * epsilon);
    const exponent = 4 * UNIT * (8 + Math.abs(moment) + plan.tilt * Math.abs(epsilon));
    return {
      value: scale * total,
      off: scale * (this.error + 2 * UNIT * rounding),
      factor: Math.exp(this.momentError + exponent),
    };
  }
}

/** Of each step's logarithmic moment, and of their sum. */
function totalMomentError(rows: readonly TiltedSteps[]): number {
  return sum(rows, ({ momentError, logMoment }) => momentError + (rows.length + 2) * UNIT * Math.abs(logMoment));
}

interface Powers {
  /** log of the product's size, and its angle. */
  readonly logSize: Float64Array;
  readonly angle: Float64Array;
  /** log of a bound on the true product's size, and the error relative to that. */
  readonly logBound: Float64Array;
  readonly error: Float64Array;
}

/** The product of all steps' centred characteristic functions, at the multiples 0 … count of a spacing. */
function powers(rows: readonly TiltedSteps[], spacing: number, count: number): Powers {
  const make = () => new Float64Array(count + 1);
  const [logSize, angle, logBound, error, re, im] = [make(), make(), make(), make(), make(), make()];
  for (const { step, steps } of rows) {
    step.fill(spacing, re, im);
    for (let j = 0; j <= count; j++) {
      // The characteristic function is 1 + x + iy.
      const [x, y] = [re[j] as number, im[j] as number];
      const size = Math.sqrt((1 + x) ** 2 + y * y);
      const square = x * x + y * y;
      const isSmall = square < 0.25;
      const off = step.error(j * spacing) + 4 * UNIT * (isSmall ? Math.abs(x) + square : 1);
      const bound = size + off;
      const log = steps * (isSmall ? Math.log1p(2 * x + square) / 2 : Math.log(size));
      const turn = steps * Math.atan2(y, 1 + x);
      const wholeLog = (logSize[j] as number) + log;
      const wholeTurn = (angle[j] as number) + turn;
      logSize[j] = wholeLog;
      angle[j] = wholeTurn;
      logBound[j] =
        (logBound[j] as number) + (isSmall ? log + steps * Math.log1p(off / size) : steps * Math.log(bound));
      const added = PER_ROW * (1 + Math.abs(turn) + Math.abs(wholeTurn) + finite(Math.abs(log) + Math.abs(wholeLog)));
      error[j] = (error[j] as number) + steps * (off / bound) + added;
    }
  }
  return { logSize, angle, logBound, error };
}

/** Of a characteristic function that is 0 to float64, the error is all that there is. */
function finite(size: number): number {
  return Number.isFinite(size) ? size : 0;
}
