/**
 * The integrand behind E_Q[(P/Q)^a] of one sampled step, φ(z)·F(z)^a·B(z)^(1 − a): F the mixture 1 − q + q·e^(z/σ − 1/2σ²),
 * P's density over that without the example, and B Q's, which is 1 where an example is added or removed and F(−z) where it
 * becomes its opposite. What is bounded here is bounded for a complex a = α + iβ, by its real part α and |β|.
 */
import { log1pExp, logistic } from "../logarithms.js";
import type { SampledGaussian } from "../mechanism.js";

/** log √2π. */
const LOG_ROOT = 0.5 * Math.log(2 * Math.PI);

/** 1 − q + q·e^(slope·z − slope²/2), to a power. */
export interface Part {
  readonly slope: number;
  readonly power: number;
  /** log(1 − q), and log of the rest over that at z = 0. */
  readonly floor: number;
  readonly odds: number;
}

export function partsOf({ samplingRate, noiseMultiplier, relation }: SampledGaussian, order: number): readonly Part[] {
  const slope = 1 / noiseMultiplier;
  const floor = Math.log1p(-samplingRate);
  const odds = Math.log(samplingRate) - floor - 0.5 * slope * slope;
  const forward = { slope, power: order, floor, odds };
  return relation ? [forward, { slope: -slope, power: 1 - order, floor, odds }] : [forward];
}

/**
 * With z moved by up to `offset` off the real line, |φ·F^a·B^(1 − a)| grows by at most e^(this), but for β: |φ| by e^(offset²/2); a
 * part does not grow, and its size falls by cos(angle/2) at most, angle = offset·|slope| < π.
 */
export function growth(parts: readonly Part[], offset: number): number {
  let sum = 0.5 * offset * offset;
  for (const { slope, power } of parts) sum -= Math.max(0, -power) * Math.log(Math.cos((offset * slope) / 2));
  return sum;
}

/** And by e^(|β|·this) for β: the most of the parts' arguments there. */
export function largestArgument(parts: readonly Part[], offset: number): number {
  return parts.reduce((sum, { slope }) => sum + offset * Math.abs(slope), 0);
}

/** At evenly spaced z, from `first`·spacing on. Methods take the index of a point, or that of the cell to its right. */
export class TiltedIntegrand {
  readonly length: number;
  /** log of the integrand at β = 0, and log(P/Q). */
  readonly log: Float64Array;
  readonly loss: Float64Array;
  /** What these were added up from, in absolute values: their rounding is in proportion. */
  readonly logSize: Float64Array;
  readonly lossSize: Float64Array;
  /** Of each part: its logarithm, and the share of q·e^(…) in it, which is its slope over `slope`. */
  private readonly logs: readonly Float64Array[];
  private readonly shares: readonly Float64Array[];

  /** `parts`: of a sampling rate in (0, 1). */
  constructor(
    private readonly parts: readonly Part[],
    readonly spacing: number,
    private readonly first: number,
    last: number,
  ) {
    this.length = last - first + 1;
    // One allocation: there may be thousands of integrands.
    const store = new Float64Array(this.length * (4 + 2 * parts.length));
    const row = (index: number) => store.subarray(index * this.length, (index + 1) * this.length);
    [this.log, this.loss, this.logSize, this.lossSize] = [row(0), row(1), row(2), row(3)];
    this.logs = parts.map((_, index) => row(4 + 2 * index));
    this.shares = parts.map((_, index) => row(5 + 2 * index));
    for (let i = 0; i < this.length; i++) {
      const half = 0.5 * this.z(i) ** 2;
      this.log[i] = -half - LOG_ROOT;
      this.logSize[i] = 8 + half;
    }
    for (const index of parts.keys()) this.addPart(index);
  }

  z(point: number): number {
    return (this.first + point) * this.spacing;
  }

  /** Above point z, the integrand at z + t is at most e^(rise·t − z·t − t²/2) of that at z, t ≥ 0. */
  rise(point: number): number {
    return this.sum(({ slope, power }, i) => Math.max(0, power * slope) * (slope > 0 ? 1 : this.share(i, point)));
  }

  /** The same downwards: at z − t at most e^(fall·t + z·t − t²/2) of that at z. */
  fall(point: number): number {
    return this.sum(({ slope, power }, i) => Math.max(0, -power * slope) * (slope < 0 ? 1 : this.share(i, point)));
  }

  /** Bounds on log of the integrand in a cell: φ has one peak, the parts are monotone. */
  most(cell: number): number {
    const nearest = Math.max(0, this.z(cell), -this.z(cell + 1));
    return -0.5 * nearest * nearest - LOG_ROOT + this.powers(cell, 1);
  }

  least(cell: number): number {
    const farthest = Math.max(Math.abs(this.z(cell)), Math.abs(this.z(cell + 1)));
    return -0.5 * farthest * farthest - LOG_ROOT + this.powers(cell, -1);
  }

  /** The most that the loss grows by for one of z, in a cell. */
  steepest(cell: number): number {
    return this.sum(({ slope }, i) => Math.abs(slope) * this.largestShare(slope, i, cell));
  }

  /** `largestArgument` in a cell. */
  argument(offset: number, cell: number): number {
    return this.sum(({ slope }, i) => {
      const angle = offset * Math.abs(slope);
      const share = this.largestShare(slope, i, cell);
      return Math.atan2(share * Math.sin(angle), 1 - share + share * Math.cos(angle));
    });
  }

  private addPart(index: number): void {
    const { slope, power, floor, odds } = this.parts[index] as Part;
    const { log, loss, logSize, lossSize } = this;
    const [logs, shares] = [this.logs[index] as Float64Array, this.shares[index] as Float64Array];
    const sign = Math.sign(slope);
    for (let i = 0; i < this.length; i++) {
      const exponent = slope * this.z(i) + odds;
      const above = log1pExp(exponent);
      const share = logistic(exponent);
      const size = above - floor + share * (Math.abs(exponent - odds) + Math.abs(odds));
      logs[i] = floor + above;
      shares[i] = share;
      log[i] = (log[i] as number) + power * (floor + above);
      loss[i] = (loss[i] as number) + sign * (floor + above);
      logSize[i] = (logSize[i] as number) + Math.abs(power) * size;
      lossSize[i] = (lossSize[i] as number) + size;
    }
  }

  private share(part: number, point: number): number {
    return (this.shares[part] as Float64Array)[point] as number;
  }

  /** A part's share grows with slope·z. */
  private largestShare(slope: number, part: number, cell: number): number {
    return this.share(part, slope > 0 ? cell + 1 : cell);
  }

  private powers(cell: number, sign: 1 | -1): number {
    return this.sum(({ slope, power }, i) => {
      const point = sign * power * slope > 0 ? cell + 1 : cell;
      return power * ((this.logs[i] as Float64Array)[point] as number);
    });
  }

  private sum(of: (part: Part, index: number) => number): number {
    let total = 0;
    for (let i = 0; i < this.parts.length; i++) total += of(this.parts[i] as Part, i);
    return total;
  }
}
