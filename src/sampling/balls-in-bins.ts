/**
 * In each cycle of k = round(1/q) steps every example is in the batch of one of them, uniform and independent of the others
 * (random allocation, balls-in-bins; Chua et al. 2024), and is accounted for as that (src/privacy/lattice/random-allocation.ts). Under
 * replace-one no proof is built in: given the allocation, a cycle is one step on all the data.
 */
import { z } from "zod";
import type { RandomWords } from "../data/poisson.js";
import { relations } from "../privacy/relation.js";
import { configObject } from "../training/config-errors.js";
import { defineSampling } from "./define.js";
import { RandomIntegers } from "./random-order.js";

export const ballsInBinsSampling = defineSampling({
  type: "ballsInBins",
  schema: configObject({ type: z.literal("ballsInBins") }),
  relations,
  create: (_, { examples, samplingRate }) => {
    const bins = Math.min(Number.MAX_SAFE_INTEGER, Math.max(1, Math.round(1 / samplingRate)));
    return {
      type: "ballsInBins",
      mechanism: { samplingRate: 1, cycle: bins, bins },
      participation: { pattern: "once-a-cycle", steps: bins },
      accountedAs: `each cycle of ${bins} steps as random allocation to one of them; under replace-one as one step on all the data`,
      draw: (random) => allocated(examples, bins, random),
    };
  },
});

function* allocated(examples: number, bins: number, random: RandomWords): Generator<Uint32Array, never> {
  const integers = new RandomIntegers(random);
  for (;;) {
    const batches = Array.from({ length: bins }, (): number[] => []);
    for (let index = 0; index < examples; index++) batches[integers.below(bins)]?.push(index);
    for (const batch of batches) yield Uint32Array.from(batch);
  }
}
