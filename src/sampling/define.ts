/** What a way of sampling is: how examples come into logical batches, and what that is to the accountant, in one object. */
import type { z } from "zod";
import type { Participation } from "../correlation/participation.js";
import type { RandomWords } from "../data/poisson.js";
import type { CyclicMechanism } from "../privacy/cycle.js";
import type { Relation } from "../privacy/relation.js";

/** The numbers that a run's sampling starts from. */
export interface SamplingSetting {
  /** N: of the examples that are there. */
  readonly examples: number;
  /** q: the share of them that a step takes on average. */
  readonly samplingRate: number;
}

/** Sampling of a run: what draws its batches, and what its accountant is told. */
export interface Sampling {
  readonly type: string;
  /** What a step is accounted as, but for its noise: never cheaper than what `draw` does. */
  readonly mechanism: Omit<CyclicMechanism, "noiseMultiplier">;
  /** How the steps of one example lie apart; absent: it may be in every step's batch. */
  readonly participation?: Participation;
  /** For `privacy.json`: why that is so. */
  readonly accountedAs: string;
  /** Logical batches without end, each ascending, a view that the next overwrites. A new cycle begins with each call. */
  draw(random: RandomWords): Iterator<Uint32Array>;
}

export interface SamplingType<S extends z.ZodType = z.ZodType> {
  readonly type: string;
  readonly schema: S;
  /** The relations under which its accounting is proved. */
  readonly relations: readonly Relation[];
  /** Throws a RangeError about what does not fit: the option, what came, what is allowed. */
  create(options: z.output<S>, setting: SamplingSetting): Sampling;
}

/** A batch of exactly b = q·N examples. Throws a RangeError where that is no whole number. */
export function exactBatch({ examples, samplingRate }: SamplingSetting): number {
  const size = Math.round(samplingRate * examples);
  if (size >= 1 && Math.abs(samplingRate * examples - size) < 1e-6 * size) return size;
  throw new RangeError(
    `batchSize: got ${samplingRate * examples}; allowed: a whole number of examples, for batches of that size`,
  );
}

/** Types compared whole: what a sampler is made for stays with it. */
export function defineSampling<S extends z.ZodType>(type: SamplingType<S>): SamplingType<S> {
  return type;
}
