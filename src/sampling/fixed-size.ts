/** Batches of exactly b examples, uniform among all of that size. Accounted as such, and not as Poisson: src/privacy/lattice/loss-mirror.ts. */
import { z } from "zod";
import type { RandomWords } from "../data/poisson.js";
import { configObject } from "../training/config-errors.js";
import { defineSampling, exactBatch } from "./define.js";
import { RandomIntegers, range } from "./random-order.js";

export const fixedSizeSampling = defineSampling({
  type: "fixedSize",
  schema: configObject({ type: z.literal("fixedSize") }),
  relations: ["zero-out", "replace-one"],
  create: (_, setting) => {
    const size = exactBatch(setting);
    return {
      type: "fixedSize",
      mechanism: { samplingRate: size / setting.examples, sample: "fixed-size" },
      accountedAs: "samples of fixed size without replacement, of which one example is replaced by any other",
      draw: (random) => subsets(setting.examples, size, random),
    };
  },
});

function* subsets(examples: number, size: number, random: RandomWords): Generator<Uint32Array, never> {
  const integers = new RandomIntegers(random);
  const order = range(examples);
  for (;;) {
    integers.choose(order, size);
    yield order.slice(0, size).sort();
  }
}
