/**
 * Poisson samples, cut down at random to `maxBatch` examples where there are more (Chua et al., "Scalable DP-SGD", 2024).
 *
 * A step differs from a Poisson step only where its sample is larger, with probability P[Bin(N, q) > B] ≤
 * e^(−N·KL((B + 1)/N ‖ q)) (Chernoff), whatever the example's value: the step's probability of failure, which δ pays for.
 * N is the same for both neighbours: not under add/remove.
 */
import { z } from "zod";
import { PoissonSampler, type RandomWords } from "../data/poisson.js";
import { configObject } from "../training/config-errors.js";
import { whole } from "../training/config-values.js";
import { defineSampling, type SamplingSetting } from "./define.js";
import { RandomIntegers } from "./random-order.js";

export const truncatedPoissonSampling = defineSampling({
  type: "truncatedPoisson",
  schema: configObject({ type: z.literal("truncatedPoisson"), maxBatch: whole(1) }),
  relations: ["zero-out", "replace-one"],
  create: ({ maxBatch }, setting) => ({
    type: "truncatedPoisson",
    mechanism: { samplingRate: setting.samplingRate, failure: chanceOfMore(setting, maxBatch) },
    accountedAs: "a Poisson sample; that it is cut down is a failure that delta pays for",
    draw: (random) => truncated(setting, maxBatch, random),
  }),
});

/** Bounds P[Bin(N, q) > `most`]. */
function chanceOfMore({ examples, samplingRate: q }: SamplingSetting, most: number): number {
  if (most >= examples) return 0;
  const share = (most + 1) / examples;
  if (share <= q) return 1;
  const rest = share === 1 ? 0 : (1 - share) * (Math.log1p(-share) - Math.log1p(-q));
  const divergence = share * Math.log(share / q) + rest;
  // Less than it may be off by, of terms that nearly cancel.
  const rounding = 1e-14 * examples;
  return Math.min(1, Math.exp(rounding - examples * divergence * (1 - 1e-12)));
}

function* truncated(setting: SamplingSetting, most: number, random: RandomWords): Generator<Uint32Array, never> {
  const { examples: datasetSize, samplingRate } = setting;
  const integers = new RandomIntegers(random);
  for (const sample of new PoissonSampler({ datasetSize, samplingRate, random })) {
    if (sample.length > most) integers.choose(sample, most);
    yield sample.length > most ? sample.subarray(0, most).sort() : sample;
  }
  throw new Error("unreachable: samples do not end");
}
