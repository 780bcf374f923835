/**
 * The data in random order, cut into batches of b; a new order with each cycle of ⌊N/b⌋ steps, whose remainder is left out.
 * An example is in at most one batch of a cycle. Given the order, a cycle is one step on all the data; averaged over orders it
 * is no more telling. No amplification by shuffling is claimed. N is the same for both neighbours: not under add/remove.
 */
import { z } from "zod";
import type { RandomWords } from "../data/poisson.js";
import { configObject } from "../training/config-errors.js";
import { defineSampling, exactBatch } from "./define.js";
import { RandomIntegers, range } from "./random-order.js";

export const shuffleSampling = defineSampling({
  type: "shuffle",
  schema: configObject({ type: z.literal("shuffle") }),
  relations: ["zero-out", "replace-one"],
  create: (_, setting) => {
    const size = exactBatch(setting);
    const cycle = Math.floor(setting.examples / size);
    return {
      type: "shuffle",
      mechanism: { samplingRate: 1, cycle },
      participation: { pattern: "once-a-cycle", steps: cycle },
      accountedAs: `each cycle of ${cycle} steps as one step on all the data: no amplification by sampling`,
      draw: (random) => shuffled(setting.examples, size, cycle, random),
    };
  },
});

function* shuffled(examples: number, size: number, cycle: number, random: RandomWords): Generator<Uint32Array, never> {
  const integers = new RandomIntegers(random);
  const order = range(examples);
  for (;;) {
    integers.choose(order, examples);
    for (let step = 0; step < cycle; step++) yield order.slice(step * size, (step + 1) * size).sort();
  }
}
