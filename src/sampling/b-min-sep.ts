/**
 * An example that was in a batch is in none of the next b − 1; otherwise it is in one independently, with probability
 * p = q/(1 − (b − 1)·q), so that it is in a share q of all batches.
 *
 * Whatever the models so far tell, the example is in the next batch with probability at most p, and the other examples'
 * turns do not depend on it: the step, given all before, is no more telling than a Poisson step of rate p
 * (E_α(P_p′‖Q) ≤ E_α(P_p‖Q) for p′ ≤ p, P_p′ being a mixture of P_p and Q), and such steps compose adaptively. Where an
 * example is replaced, both sides are mixtures and that does not follow: not under replace-one.
 */
import { z } from "zod";
import { PoissonSampler, type RandomWords } from "../data/poisson.js";
import { configObject } from "../training/config-errors.js";
import { whole } from "../training/config-values.js";
import { defineSampling } from "./define.js";
import { RandomIntegers } from "./random-order.js";

export const bMinSepSampling = defineSampling({
  type: "bMinSep",
  schema: configObject({ type: z.literal("bMinSep"), separation: whole(1, 1_000_000) }),
  relations: ["add/remove", "zero-out"],
  create: ({ separation }, { examples, samplingRate: q }) => {
    const rate = q / (1 - (separation - 1) * q);
    if (!(rate > 0 && rate <= 1 + 1e-12)) {
      throw new RangeError(
        `sampling.separation: got ${separation}; allowed: at most ${Math.floor(1 / q)}, one over the sampling rate`,
      );
    }
    const samplingRate = Math.min(1, rate);
    return {
      type: "bMinSep",
      mechanism: { samplingRate },
      participation: { pattern: "separated", steps: separation },
      accountedAs: `a Poisson sample of rate ${samplingRate}, at which examples come that may`,
      draw: (random) => separated(examples, separation, samplingRate, random),
    };
  },
});

function* separated(
  datasetSize: number,
  separation: number,
  samplingRate: number,
  random: RandomWords,
): Generator<Uint32Array, never> {
  const free = startingTurns(datasetSize, separation, samplingRate, random);
  const sampler = new PoissonSampler({ datasetSize, samplingRate, random });
  for (let step = 0; ; step++) {
    const sample = sampler.next();
    let size = 0;
    for (const index of sample) {
      if ((free[index] as number) > step) continue;
      free[index] = step + separation;
      sample[size++] = index;
    }
    yield sample.subarray(0, size);
  }
}

/** The step from which each may come, as after many steps: first batches are no larger than others. Independent of the data. */
function startingTurns(count: number, separation: number, rate: number, random: RandomWords): Float64Array {
  const turns = new Float64Array(count);
  if (separation === 1) return turns;
  const integers = new RandomIntegers(random);
  const waiting = (separation - 1) * rate;
  for (let i = 0; i < count; i++) {
    const waits = integers.below(2 ** 32) / 2 ** 32 < waiting / (1 + waiting);
    turns[i] = waits ? 1 + integers.below(separation - 1) : 0;
  }
  return turns;
}
