/**
 * Poisson sampling: every example is in a logical batch independently, with probability q. What the accountant assumes
 * of the sampling is asked of the sampler itself, so that the two cannot differ.
 *
 * **Guarantee.** An example is taken where a fresh uniform 64-bit number is below ⌊q·2⁶⁴⌋: with probability at most q,
 * and less than 2⁻⁶⁴ below it. Of the 64 bits the lower 32 are drawn only where the upper 32 do not decide.
 */
import { checkKeys, checkMethods } from "../arguments.js";
import { checkNumber } from "../privacy/check.js";
import { checkMechanism, type SampledGaussian } from "../privacy/mechanism.js";

/** A source of uniform random words: cryptographic, unless the run is to be reproducible and not private. */
export interface RandomWords {
  /** Overwrites every element with fresh uniform 32-bit words. */
  fill(words: Uint32Array): void;
}

export interface PoissonSamplerOptions {
  /** N: an integer in [0, 2³² − 1]. */
  readonly datasetSize: number;
  /** q in [0, 1]. */
  readonly samplingRate: number;
  readonly random: RandomWords;
}

/** ⌊q·2⁶⁴⌋ as two 32-bit words; `high` is 2³² for q = 1. */
export interface SamplingThreshold {
  readonly high: number;
  readonly low: number;
}

const WORD = 2 ** 32;
/** Words drawn at a time: 64 KiB stay in cache. */
const BLOCK = 16_384;

export class PoissonSampler implements Iterable<Uint32Array> {
  readonly datasetSize: number;
  readonly samplingRate: number;
  private readonly random: RandomWords;
  private readonly threshold: SamplingThreshold;
  private readonly words: Uint32Array;
  private readonly tie = new Uint32Array(1);
  private indices: Uint32Array;

  constructor(options: PoissonSamplerOptions) {
    checkKeys("options", options, ["datasetSize", "samplingRate", "random"]);
    const { datasetSize, samplingRate, random } = options;
    checkNumber("datasetSize", datasetSize, { min: 0, max: WORD - 1, integer: true });
    checkMechanism({ samplingRate, noiseMultiplier: 0 });
    checkMethods("random", random, ["fill"], 'a source of random words such as keys.stream("sampling")');
    this.datasetSize = datasetSize;
    this.samplingRate = samplingRate;
    this.random = random;
    this.threshold = samplingThreshold(samplingRate);
    this.words = new Uint32Array(Math.min(BLOCK, datasetSize));
    // Room for a block past any likely size: it hardly ever grows.
    const expected = samplingRate * datasetSize;
    const likely = Math.ceil(expected + 8 * Math.sqrt(expected));
    this.indices = new Uint32Array(Math.min(datasetSize, likely + BLOCK));
  }

  /** What a step on these samples is to the accountant, with noise of `noiseMultiplier` × sensitivity. */
  mechanism(noiseMultiplier: number): SampledGaussian {
    const mechanism = { samplingRate: this.samplingRate, noiseMultiplier };
    checkMechanism(mechanism);
    return mechanism;
  }

  /**
   * The indices of the next logical batch, ascending; none is a batch too. A view of a buffer that the next call
   * overwrites.
   */
  next(): Uint32Array {
    let size = 0;
    for (let first = 0; first < this.datasetSize; first += BLOCK) {
      size = this.takeFrom(first, Math.min(BLOCK, this.datasetSize - first), size);
    }
    return this.indices.subarray(0, size);
  }

  /** Logical batches without end. */
  *[Symbol.iterator](): Generator<Uint32Array, never, void> {
    for (;;) yield this.next();
  }

  private takeFrom(first: number, count: number, taken: number): number {
    const words = count === this.words.length ? this.words : this.words.subarray(0, count);
    this.random.fill(words);
    if (taken + count > this.indices.length) this.grow(taken + count);
    const { indices } = this;
    const { high } = this.threshold;
    let size = taken;
    for (let i = 0; i < count; i++) {
      const word = words[i] as number;
      if (word > high || (word === high && !this.winsTie())) continue;
      indices[size++] = first + i;
    }
    return size;
  }

  private winsTie(): boolean {
    this.random.fill(this.tie);
    return (this.tie[0] as number) < this.threshold.low;
  }

  private grow(needed: number): void {
    const larger = new Uint32Array(Math.min(this.datasetSize, Math.max(needed, 2 * this.indices.length)));
    larger.set(this.indices);
    this.indices = larger;
  }
}

/** Exact: products with powers of two and the differences here lose nothing in float64. */
export function samplingThreshold(samplingRate: number): SamplingThreshold {
  const scaled = samplingRate * WORD;
  const high = Math.floor(scaled);
  return { high, low: Math.floor((scaled - high) * WORD) };
}
