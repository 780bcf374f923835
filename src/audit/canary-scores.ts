/** How likely the noisy sums of a run are with each canary in the data, against without: log-likelihood ratios. */
import type { Session } from "../training/session.js";
import type { Tensors } from "../training/tensors.js";
import { type Canaries, canaryBatch } from "./dataset.js";
import type { NoisySum } from "./witness.js";

/** Of the claimed one; without noise a ratio would be infinite. */
const LEAST_VARIANCE = 1e-4;

export class CanaryScores {
  /** By canary, summed over the steps so far. */
  readonly values: Float64Array;

  constructor(
    private readonly observer: Session,
    private readonly canaries: Canaries,
    private readonly samplingRate: number,
  ) {
    this.values = new Float64Array(canaries.size);
  }

  /**
   * Along a canary's clipped gradient c, of length a·S, a step shows z ~ N(0, σ²), or, where it was drawn, N(a, σ²). σ is
   * what the residual shows, whatever is claimed. Other canaries widen z: σ² is then the mean of z², if that is more.
   */
  async add({ residual, deviation, sensitivity }: NoisySum): Promise<void> {
    const { canaries } = this;
    const seen: { z: number; length: number }[] = [];
    for (let i = 0; i < canaries.size; i++) {
      const { sums } = await this.observer.clippedSum(canaryBatch(canaries, i));
      seen.push(project(residual, sums, sensitivity));
    }
    const spread = seen.reduce((sum, { z }) => sum + z * z, 0) / seen.length;
    const noise = Math.max(varianceOf(residual), LEAST_VARIANCE * deviation ** 2);
    const variance = seen.length > 1 ? Math.max(noise, spread) : noise;
    for (const [i, { z, length }] of seen.entries()) {
      const whenDrawn = (length * z - length ** 2 / 2) / variance;
      this.values[i] = (this.values[i] as number) + mixed(whenDrawn, this.samplingRate);
    }
  }
}

/** Of the noise: coordinates that a mask drops have none. */
function varianceOf(residual: Float64Array): number {
  let squares = 0;
  let count = 0;
  for (const value of residual) {
    squares += value * value;
    if (value !== 0) count++;
  }
  return count === 0 ? 0 : squares / count;
}

function project(residual: Float64Array, direction: Tensors, sensitivity: number): { z: number; length: number } {
  let product = 0;
  let squares = 0;
  let at = 0;
  for (const { data } of Object.values(direction)) {
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      product += value * (residual[at++] as number);
      squares += value * value;
    }
  }
  const norm = Math.sqrt(squares);
  return norm === 0 ? { z: 0, length: 0 } : { z: product / norm, length: norm / sensitivity };
}

/** log(1 − q + q·e^x), without overflow. */
function mixed(x: number, q: number): number {
  if (q === 1) return x;
  return x > 0 ? x + Math.log(q + (1 - q) * Math.exp(-x)) : Math.log1p(q * Math.expm1(x));
}
