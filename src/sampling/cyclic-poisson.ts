/**
 * The data lies in k blocks (example i in block i mod k); steps go through them in turn, and take each example of their
 * block independently, with probability k·q. An example is in the sample of one step of a cycle only: a cycle is a
 * Poisson step of rate k·q. Blocks go by number, which an example that is added or removed would shift: not under
 * add/remove.
 */
import { z } from "zod";
import { PoissonSampler, type RandomWords } from "../data/poisson.js";
import { configObject } from "../training/config-errors.js";
import { whole } from "../training/config-values.js";
import { defineSampling } from "./define.js";

export const cyclicPoissonSampling = defineSampling({
  type: "cyclicPoisson",
  schema: configObject({ type: z.literal("cyclicPoisson"), blocks: whole(1, 1_000_000) }),
  relations: ["zero-out", "replace-one"],
  create: ({ blocks }, { examples, samplingRate }) => {
    const rate = blocks * samplingRate;
    if (rate > 1 + 1e-12) {
      throw new RangeError(
        `sampling.blocks: got ${blocks}; allowed: at most ${Math.floor(1 / samplingRate)}, one over the sampling rate`,
      );
    }
    const blockRate = Math.min(1, rate);
    return {
      type: "cyclicPoisson",
      mechanism: { samplingRate: blockRate, cycle: blocks },
      participation: { pattern: "cyclic", steps: blocks },
      accountedAs: `each cycle of ${blocks} steps as one Poisson step of rate ${blockRate}`,
      draw: (random) => cyclic(examples, blocks, blockRate, random),
    };
  },
});

function* cyclic(
  examples: number,
  blocks: number,
  samplingRate: number,
  random: RandomWords,
): Generator<Uint32Array, never> {
  const sampler = new PoissonSampler({ datasetSize: Math.ceil(examples / blocks), samplingRate, random });
  for (let block = 0; ; block = (block + 1) % blocks) {
    const sample = sampler.next();
    let size = 0;
    for (const member of sample) {
      const index = member * blocks + block;
      // The last blocks hold one fewer.
      if (index < examples) sample[size++] = index;
    }
    yield sample.subarray(0, size);
  }
}
