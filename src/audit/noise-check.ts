/**
 * Whether noise is what is claimed, seen in runs without the canary, where the residual is noise alone: not smaller than
 * σ, and none of it like that of the step before, of the run's first step, or of the run before.
 */
import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import type { NoisySum } from "./witness.js";

export interface NoiseFindings {
  /** Measured deviation over the claimed one. */
  readonly deviation: number;
  /** Largest correlation, of the three kinds. */
  readonly correlation: number;
  readonly coordinates: number;
  /** What is wrong; empty where nothing is. */
  readonly faults: readonly string[];
}

/** Sums of products of two noises that should be independent, in units of their deviations. */
class Correlation {
  private products = 0;
  private count = 0;

  constructor(readonly between: string) {}

  add(a: Float64Array | undefined, b: Float64Array): void {
    if (a?.length !== b.length) return;
    for (let i = 0; i < b.length; i++) {
      const product = (a[i] as number) * (b[i] as number);
      // Coordinates that a mask drops have no noise.
      if (product === 0) continue;
      this.products += product;
      this.count++;
    }
  }

  get value(): number {
    return this.count === 0 ? 0 : this.products / this.count;
  }

  /** Of standard deviation 1 where the noises are independent. */
  get z(): number {
    return this.count === 0 ? 0 : this.products / Math.sqrt(this.count);
  }
}

export class NoiseCheck {
  private squares = 0;
  private coordinates = 0;
  private readonly neighbours = new Correlation("consecutive steps");
  private readonly firsts = new Correlation("a run's first step and later ones");
  private readonly runs = new Correlation("the first steps of two runs");
  private previous: Float64Array | undefined;
  private first: Float64Array | undefined;

  /** A step of a run without canaries. */
  add({ residual, deviation, step }: NoisySum): void {
    const noise = residual.map((value) => value / deviation);
    for (const value of noise) {
      this.squares += value * value;
      this.coordinates += value === 0 ? 0 : 1;
    }
    if (step === 1) {
      this.runs.add(this.first, noise);
      this.first = noise;
    } else {
      this.neighbours.add(this.previous, noise);
      this.firsts.add(this.first, noise);
    }
    this.previous = noise;
  }

  /** Each of the four findings is false in a share `mass / 4` of audits of what is right. */
  findings(mass: number): NoiseFindings {
    const { squares, coordinates } = this;
    const limit = -normalQuantile(mass / 8, 0, 1);
    const correlations = [this.neighbours, this.firsts, this.runs];
    const faults = correlations
      .filter(({ z }) => Math.abs(z) > limit)
      .map(({ between, value }) => `noise of ${between} correlates: ${value.toPrecision(2)}`);
    const deviation = Math.sqrt(squares / coordinates);
    // χ² of many degrees of freedom is normal.
    if ((squares - coordinates) / Math.sqrt(2 * coordinates) < normalQuantile(mass / 4, 0, 1)) {
      faults.push(`the noise's deviation is ${deviation.toPrecision(3)} times the claimed one`);
    }
    const correlation = correlations.reduce((most, { value }) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    return { deviation, correlation, coordinates, faults };
  }
}
