import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { privatize, privatizeSync, sparsify, sparsifySync } from "../../src/kernels/index.js";

describe("privatize", () => {
  const noise = { noiseMultiplier: 2, sensitivity: 3, normalizer: 4 };
  const count = 200_000;

  it("adds noise of deviation σS/normaliser, fresh in every call", async () => {
    const sum = new Float32Array(count).fill(40);
    const first = await privatize(sum, noise);
    const second = privatizeSync(sum, noise);
    for (const { gradient, private: isPrivate } of [first, second]) {
      const mean = gradient.reduce((total, value) => total + value, 0) / count;
      const variance = gradient.reduce((total, value) => total + (value - mean) ** 2, 0) / count;
      // Seven standard errors each.
      expect(Math.abs(mean - 10)).toBeLessThan((7 * 1.5) / Math.sqrt(count));
      expect(Math.abs(variance / 1.5 ** 2 - 1)).toBeLessThan(7 * Math.sqrt(2 / count));
      expect(isPrivate).toBe(true);
    }
    // Two float32 near 10 are the same once in five million: three of a hundred, in 10⁻¹⁵ of runs.
    const same = first.gradient.subarray(0, 100).filter((value, i) => value === second.gradient[i]);
    expect(same.length).toBeLessThan(3);
    expect(sum.every((value) => value === 40)).toBe(true);
  });

  it("repeats with a seed, for every number of threads, and says that it is not private", async () => {
    const sum = new Float64Array(10_001);
    const one = privatizeSync(sum, { ...noise, seed: 5, threads: 1 });
    expect(one.private).toBe(false);
    expect(await privatize(sum, { ...noise, seed: 5, threads: 2 })).toStrictEqual(one);
    const other = privatizeSync(sum, { ...noise, seed: 6 }).gradient;
    expect(createHash("sha256").update(other).digest()).not.toEqual(createHash("sha256").update(one.gradient).digest());
    expect(privatizeSync(sum, { ...noise, noiseMultiplier: 0 }).private).toBe(false);
  });

  it("is the sum over the normaliser without noise, in place too", () => {
    const sum = Float32Array.of(1, 2, 3);
    privatizeSync(sum, { ...noise, noiseMultiplier: 0, output: sum });
    expect([...sum]).toEqual([0.25, 0.5, 0.75]);
  });

  it("gives 0, without noise, where the mask drops", () => {
    const { gradient } = privatizeSync(Float32Array.of(8, 8, Number.NaN), { ...noise, mask: Uint8Array.of(0, 1, 0) });
    expect([gradient[0], gradient[2]]).toEqual([0, 0]);
    expect(gradient[1]).not.toBe(2);
  });
});

describe("sparsify", () => {
  it("drops coordinates in place or into an output, whatever they hold", async () => {
    const mask = Uint8Array.of(1, 0, 1, 0, 7);
    const first = () => Float32Array.of(1, Number.NaN, 3, 4, 5, 6);
    const second = () => Float32Array.of(7, 8, 9, 10);
    for (const run of [
      sparsify<Float32Array[]>,
      async (...call: Parameters<typeof sparsifySync<Float32Array[]>>) => sparsifySync(...call),
    ]) {
      const given = [first(), second()];
      const output = [new Float32Array(6), new Float32Array(4)];
      expect(await run(given, { examples: 2, mask, output })).toBe(output);
      expect(given).toStrictEqual([first(), second()]);
      expect(await run(given, { examples: 2, mask })).toBe(given);
      expect(given).toStrictEqual([Float32Array.of(1, 0, 3, 4, 0, 6), Float32Array.of(0, 8, 0, 10)]);
      expect(output).toStrictEqual(given);
    }
  });

  it("takes 16-bit words and rows of every length", () => {
    for (const columns of [1, 31, 33, 5000]) {
      const words = Uint16Array.from({ length: 7 * columns }, (_, i) => i + 1);
      const mask = Uint8Array.from({ length: columns }, (_, i) => i % 2);
      const got = sparsifySync(words.slice(), { examples: 7, dtype: "bf16", mask });
      const wrong = words.findIndex((word, i) => got[i] !== (mask[i % columns] ? word : 0));
      expect(wrong).toBe(-1);
    }
  });
});
