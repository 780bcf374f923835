import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ClipOptions,
  clipAndSum,
  clipAndSumSync,
  type GradientDType,
  perExampleNorms,
  perExampleNormsSync,
} from "../../src/kernels/index.js";
import { clipFunctions } from "../../src/privacy/clip-functions.js";
import { apart, boundsFromAbove, decode, encode, exactSum, neededParameters } from "./reference.js";

const dtypes: readonly GradientDType[] = ["f32", "bf16", "f16"];

/** Repeatable values in (−2, 2). */
function values(count: number, seed: number): Float32Array {
  return new Float32Array(count).map((_, i) => Math.sin((i + 1) * 12.9898 + seed * 78.233) * 2);
}

function maskOf(columns: number): Uint8Array {
  return Uint8Array.from({ length: columns }, (_, i) => (i % 3 === 0 ? 0 : i));
}

interface Shape {
  readonly widths: readonly number[];
  readonly examples: number;
}
// Long rows, short rows, remainders of every tile and vector, more rows than one float32 sum takes.
const shapes: readonly Shape[] = [
  { widths: [1], examples: 1 },
  { widths: [37, 1, 2050], examples: 21 },
  { widths: [19], examples: 1500 },
  { widths: [20011], examples: 11 },
  { widths: [17000, 5, 3000], examples: 3 },
  { widths: [16500], examples: 270 },
  { widths: [4000, 1003], examples: 1030 },
];

const sizeOf = ({ widths, examples }: Shape) => examples * widths.reduce((sum, width) => sum + width, 0);
/** Millions of numbers, which JavaScript takes seconds for. */
const isLarge = (shape: Shape) => sizeOf(shape) > 1e6;

const made = new Map<string, ReturnType<typeof encode>[]>();
/** Made once, for making them takes longer than the kernels do: not to be changed. */
function blocksOf({ widths, examples }: Shape, dtype: GradientDType) {
  const key = [dtype, examples, ...widths].join();
  const blocks = made.get(key) ?? widths.map((width, block) => encode(values(width * examples, block + 1), dtype));
  made.set(key, blocks);
  return blocks;
}

describe("clipAndSum", () => {
  it.each(shapes)("matches float64: $widths × $examples", (shape) => {
    const total = shape.widths.reduce((sum, width) => sum + width, 0);
    const weights = Float64Array.from({ length: shape.examples }, (_, i) => (i % 4) / 2);
    // Which factor an example has does not depend on its length: small shapes go through all functions.
    for (const dtype of isLarge(shape) ? dtypes.slice(0, 1) : dtypes) {
      const blocks = blocksOf(shape, dtype);
      for (const name of isLarge(shape) ? (["abadi", "autoV"] as const) : clipFunctions) {
        for (const style of ["flat", "per-block"] as const) {
          const options = {
            examples: shape.examples,
            dtype,
            function: name,
            style,
            threshold: 0.7,
            ...neededParameters(name),
          };
          for (const more of [{}, { mask: maskOf(total), weights, maxWeight: 2 }]) {
            const exact = exactSum(blocks, { ...options, ...more });
            const got = clipAndSumSync(blocks, { ...options, ...more });
            for (const [block, sum] of got.sum.entries()) expect(apart(sum, exact, block)).toBeLessThan(3e-6);
            const wrong = got.squaredNorms.findIndex(
              (norm, i) => !boundsFromAbove(norm, exact.squaredNorms[i] ?? Number.NaN),
            );
            expect(wrong).toBe(-1);
            expect(got.leftOut).toBe(0);
          }
        }
      }
    }
  });

  it("gives the same bits for every number of threads, synchronous or not", async () => {
    for (const shape of shapes) {
      for (const dtype of dtypes) {
        const blocks = blocksOf(shape, dtype);
        const common = { examples: shape.examples, dtype, style: "per-block" } as const;
        const options = { ...common, threshold: 1 };
        const one = clipAndSumSync(blocks, { ...options, threads: 1 });
        for (const threads of [2, 3]) {
          expect(clipAndSumSync(blocks, { ...options, threads })).toStrictEqual(one);
          expect(await clipAndSum(blocks, { ...options, threads })).toStrictEqual(one);
          const norms = await perExampleNorms(blocks, { ...common, threads });
          expect(norms).toStrictEqual(one.squaredNorms);
          expect(perExampleNormsSync(blocks, { ...common, threads })).toStrictEqual(one.squaredNorms);
        }
      }
    }
  });

  it("leaves out, by selection, what is not finite, in every block", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const [first, second] = [values(5 * 40, 1), values(5 * 30, 2)];
      first[2 * 40 + 7] = bad;
      const kept = [values(5 * 40, 1), values(5 * 30, 2)];
      kept[0]?.fill(0, 80, 120);
      kept[1]?.fill(0, 60, 90);
      for (const style of ["flat", "per-block"] as const) {
        const options = { examples: 5, threshold: 1, style };
        const got = clipAndSumSync([first, second], options);
        expect(got.leftOut).toBe(1);
        expect(got.factors[2]).toBe(0);
        expect(got.sum).toStrictEqual(clipAndSumSync(kept, options).sum);
      }
    }
    const all = clipAndSumSync(new Float32Array(12).fill(Number.NaN), { examples: 3, threshold: 1 });
    expect(all.leftOut).toBe(3);
    expect(all.sum).toStrictEqual(new Float32Array(4));
  });

  it("does not look at what the mask drops", () => {
    const gradients = Float32Array.of(3, Number.NaN, 4, 6, Number.POSITIVE_INFINITY, 8);
    const got = clipAndSumSync(gradients, { examples: 2, threshold: 100, mask: Uint8Array.of(1, 0, 1) });
    expect(got.leftOut).toBe(0);
    expect([...got.squaredNorms]).toEqual([25, 100]);
    expect(got.sum[1]).toBe(0);
    expect(got.sum[0]).toBeCloseTo(9, 4);
  });

  it("replaces or accumulates, in float32 or float64", () => {
    for (const widths of [[3], [17000]]) {
      for (const examples of [2, 300]) {
        const blocks = blocksOf({ widths, examples }, "f32");
        const gradients = blocks[0] as Float32Array;
        const columns = widths[0] as number;
        const exact = exactSum(blocks, { examples, threshold: 1 }).sums[0] as Float64Array;
        for (const Type of [Float32Array, Float64Array]) {
          const output = new Type(columns).fill(10);
          const options = { examples, threshold: 1, output } as const;
          expect(clipAndSumSync<Float32Array | Float64Array>(gradients, options).sum).toBe(output);
          expect(output[0]).toBeCloseTo(exact[0] as number, 3);
          clipAndSumSync<Float32Array | Float64Array>(gradients, { ...options, mode: "accumulate" });
          expect(output[columns - 1]).toBeCloseTo(2 * (exact[columns - 1] as number), 3);
        }
      }
    }
  });

  it("takes an empty sample", async () => {
    const output = Float32Array.of(1, 2);
    const empty = { examples: 0, threshold: 1, output };
    await clipAndSum(new Float32Array(0), { ...empty, mode: "accumulate" });
    expect([...output]).toEqual([1, 2]);
    expect((await clipAndSum(new Float32Array(0), empty)).sum).toStrictEqual(new Float32Array(2));
    await expect(clipAndSum(new Float32Array(0), { examples: 0, threshold: 1 })).rejects.toThrow(/output/);
    expect(await perExampleNorms(new Float32Array(0), { examples: 0 })).toHaveLength(0);
  });

  // In float32 alone, the sum of equal rows stops growing as soon as a row is below half of its last digit.
  it("does not lose rows among 200,000", () => {
    const examples = 200_000;
    const gradients = new Float32Array(examples).fill(0.01);
    const output = new Float64Array(1);
    const { sum } = clipAndSumSync(gradients, { examples, threshold: 1, output });
    expect(Math.abs((sum[0] as number) / (examples * Math.fround(0.01)) - 1)).toBeLessThan(2e-6);
  });

  const combination = fc.record({
    function: fc.constantFrom(...clipFunctions),
    style: fc.constantFrom("flat" as const, "per-block" as const),
    dtype: fc.constantFrom(...dtypes),
    masked: fc.boolean(),
    weighted: fc.boolean(),
    threshold: fc.constantFrom(1e-3, 1, 30),
    widths: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 }),
    examples: fc.integer({ min: 1, max: 12 }),
    scale: fc.constantFrom(1e-4, 1, 1e4),
    seed: fc.nat(1e6),
    hostile: fc.option(fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 1e30, 1e-40, 0)),
  });

  it("one example moves the sum by at most the sensitivity", () => {
    fc.assert(
      fc.property(combination, (chosen) => {
        const { widths, examples, dtype, seed, scale } = chosen;
        const all = widths.map((width, block) => {
          const rows = values(width * (examples + 1), seed + block).map((value) => value * scale);
          if (chosen.hostile !== null && dtype === "f32") rows.fill(chosen.hostile, width * examples);
          return encode(rows, dtype);
        });
        const without = all.map((rows, block) => rows.slice(0, (widths[block] ?? 0) * examples));
        const total = widths.reduce((sum, width) => sum + width, 0);
        const common: Omit<ClipOptions<never>, "examples" | "output"> = {
          function: chosen.function,
          ...neededParameters(chosen.function),
          style: chosen.style,
          dtype,
          threshold: chosen.threshold,
          ...(chosen.masked && { mask: maskOf(total) }),
        };
        const weights = chosen.weighted
          ? {
              weights: values(examples + 1, seed)
                .map(Math.abs)
                .map(coarse),
              maxWeight: 2,
            }
          : {};
        const fewer = chosen.weighted
          ? { weights: weights.weights?.slice(0, examples) as Float32Array, maxWeight: 2 }
          : {};
        const outputs = () => widths.map((width) => new Float64Array(width));
        const more = clipAndSumSync(all, { ...common, ...weights, examples: examples + 1, output: outputs() });
        const less = clipAndSumSync(without, { ...common, ...fewer, examples, output: outputs() });
        const squared = more.sum.flatMap((sum, block) =>
          [...sum].map((value, i) => (value - (less.sum[block]?.[i] ?? Number.NaN)) ** 2),
        );
        const moved = Math.sqrt(squared.reduce((sum, value) => sum + value, 0));
        expect(moved).toBeLessThanOrEqual(less.sensitivity * (1 + 1e-5)); // S is known without the example
        expect(more.sensitivity).toBe(less.sensitivity);
      }),
      { numRuns: 400 },
    );
  });

  it("decodes bfloat16 and float16, the subnormal and the infinite ones too", () => {
    for (const dtype of ["bf16", "f16"] as const) {
      const words = Uint16Array.from({ length: 65536 }, (_, i) => i);
      const norms = perExampleNormsSync(words, { examples: 65536, dtype });
      const wrong = decode(words, dtype).findIndex((value, i) => !Object.is(norms[i], value * value));
      expect(wrong).toBe(-1);
    }
  });
});

function coarse(weight: number): number {
  return Math.round(weight * 4) / 4;
}
