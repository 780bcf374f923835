import { MessageChannel } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  clipAndSum,
  clipAndSumSync,
  perExampleNorms,
  perExampleNormsSync,
  privatize,
  privatizeSync,
  sparsify,
  sparsifySync,
} from "../../src/kernels/index.js";

const gradients = () => new Float32Array(12).fill(1);
const clip = { examples: 3, threshold: 1 };

describe("arguments", () => {
  const detached = gradients();
  structuredClone(detached, { transfer: [detached.buffer] });
  const shared = new Float32Array(new SharedArrayBuffer(48));
  // Properties of their own that say otherwise.
  const disguised = Object.defineProperty(gradients(), "buffer", { value: new ArrayBuffer(48) });
  const hidden = Object.defineProperty(new Float32Array(shared.buffer), "buffer", { value: new ArrayBuffer(48) });
  const wrong: [unknown, object, RegExp][] = [
    [[1, 2, 3], {}, /^gradients\[0\]: got 1, expected a Float32Array/],
    [new Float64Array(12), {}, /^gradients: got Float64Array/],
    [gradients(), { dtype: "bf16" }, /^gradients: got Float32Array of 12, expected a Uint16Array/],
    [gradients(), { dtype: "f64" }, /^dtype: got "f64", expected one of f32, bf16, f16/],
    [detached, {}, /^gradients: its buffer is detached/],
    [shared, {}, /^gradients: got memory that is shared between threads/],
    [[], {}, /^gradients: got an empty list/],
    [new Float32Array(0), { examples: 2 ** 40 }, /^gradients: got a length of 0, expected at least one coordinate/],
    [gradients(), { examples: 5 }, /^gradients: got a length of 12, expected a multiple of examples \(5\)/],
    [gradients(), { examples: Number.NaN }, /^examples must be/],
    [gradients(), { examples: "3" }, /^examples: got "3"/],
    [gradients(), { threshold: Number.NaN }, /^threshold must be/],
    [gradients(), { threshold: 0 }, /^threshold must be/],
    [gradients(), { threshold: undefined }, /^threshold: expected exactly one/],
    [gradients(), { thresholds: [1] }, /^threshold: expected exactly one/],
    [gradients(), { thresholds: [1], threshold: undefined }, /per-block alone/],
    [[gradients()], { thresholds: [1, 2], threshold: undefined, style: "per-block" }, /^thresholds: got a length of 2/],
    [gradients(), { function: "sigmoid" }, /^function: got "sigmoid"/],
    [gradients(), { gamma: 1 }, /^gamma: got 1, allowed with autoS/],
    [gradients(), { mask: new Uint8Array(3) }, /^mask: got a length of 3, expected 4/],
    [gradients(), { mask: [1, 1, 1, 1] }, /^mask: got an array of 4/],
    [gradients(), { weights: [1, 2] }, /^weights.length must be/],
    [gradients(), { weights: [1, -1, 1] }, /^weights\[1\] must be/],
    [gradients(), { weights: [1, Number.NaN, 1] }, /^weights\[1\] must be/],
    [gradients(), { weights: [1, 3, 1], maxWeight: 2 }, /^weights\[1\] must be/],
    [gradients(), { weights: [1, 1.5, 1] }, /^weights\[1\] must be a number in \[0.000001, 1\]/],
    [
      gradients(),
      { weigths: [1, 1, 1] },
      /^options: got the unknown key "weigths", expected one of examples, dtype, mask/,
    ],
    [disguised, { output: disguised.subarray(0, 4) }, /^output\[0\]: shares memory/],
    [hidden, {}, /^gradients: got memory that is shared/],
    [gradients(), { output: new Float32Array(3) }, /^output\[0\]: got a length of 3, expected 4/],
    [gradients(), { output: new Int32Array(4) }, /^output: got Int32Array/],
    [gradients(), { mode: "add" }, /^mode: got "add"/],
    [gradients(), { threads: 0 }, /^threads must be/],
  ];

  // Not the arrays in the title: a detached one cannot be printed.
  it.each(wrong.map(([, , message], row) => [row, message] as const))("row %i is refused: %s", async (row, message) => {
    const [value, more] = wrong[row] as (typeof wrong)[number];
    const options = { ...clip, ...more };
    expect(() => clipAndSumSync(value as Float32Array, options)).toThrow(message);
    await expect(clipAndSum(value as Float32Array, options)).rejects.toThrow(message);
  });

  it("a sum over the gradients themselves is refused", () => {
    const own = gradients();
    expect(() => clipAndSumSync(own, { ...clip, output: own.subarray(4, 8) })).toThrow(/^output\[0\]: shares memory/);
    expect(() =>
      privatizeSync(own, { noiseMultiplier: 1, sensitivity: 1, normalizer: 1, output: own.subarray(0) }),
    ).not.toThrow();
  });

  // Whatever comes: an answer or a TypeError or RangeError, and the process lives.
  it("nothing crashes", async () => {
    const array = fc.oneof(
      fc.anything({ withTypedArray: true, withBigInt: true }),
      fc.constantFrom(
        gradients(),
        new Uint16Array(12),
        [gradients()],
        detached,
        shared,
        new DataView(new ArrayBuffer(48)),
      ),
    );
    const number = fc.oneof(fc.anything(), fc.constantFrom(1, 3, Number.NaN, -1, 2 ** 53, 1e300));
    const options = fc.oneof(
      fc.anything(),
      fc.record(
        {
          examples: number,
          threshold: number,
          thresholds: fc.anything(),
          style: fc.constantFrom("flat", "per-block", "x"),
          function: fc.oneof(fc.constantFrom("abadi", "autoS", "constructor"), fc.anything()),
          gamma: number,
          dtype: fc.constantFrom("f32", "bf16", "f16", null),
          mask: fc.oneof(fc.anything(), fc.constant(new Uint8Array(4))),
          weights: fc.oneof(fc.anything(), fc.constant([1, 1, 1])),
          output: array,
          mode: fc.constantFrom("replace", "accumulate", 3),
          threads: fc.constantFrom(undefined, 1, 2, -1, Number.NaN),
          noiseMultiplier: number,
          sensitivity: number,
          normalizer: number,
          seed: number,
        },
        { requiredKeys: [] },
      ),
    );
    const sync = [clipAndSumSync, perExampleNormsSync, sparsifySync, privatizeSync] as ((...a: unknown[]) => unknown)[];
    const later = [clipAndSum, perExampleNorms, sparsify, privatize] as ((...a: unknown[]) => Promise<unknown>)[];
    const check = (error: unknown) => {
      if (!(error instanceof TypeError) && !(error instanceof RangeError)) throw error;
    };
    await fc.assert(
      fc.asyncProperty(array, options, fc.nat(3), async (value, given, which) => {
        try {
          sync[which]?.(value, given);
        } catch (error) {
          check(error);
        }
        await later[which]?.(value, given).catch(check);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("buffers during an asynchronous call", () => {
  const columns = 50_000;
  const make = () => Float32Array.from({ length: 40 * columns }, (_, i) => Math.sin(i));
  const options = { examples: 40, threshold: 1 };

  it("cannot be taken away by a clone, a message or a transfer", async () => {
    const expected = clipAndSumSync(make(), options);
    const { port1, port2 } = new MessageChannel();
    const attacks: ((buffer: ArrayBuffer) => void)[] = [
      (buffer) => structuredClone(buffer, { transfer: [buffer] }),
      (buffer) => port1.postMessage(buffer, [buffer]),
      (buffer) => (buffer as { transfer?(): void }).transfer?.(),
    ];
    for (const attack of attacks) {
      const given = make();
      const running = clipAndSum(given, options);
      try {
        attack(given.buffer as ArrayBuffer);
      } catch (error) {
        // Later versions of Node.js throw instead of copying.
        expect((error as Error).name).toMatch(/DataCloneError|TypeError/);
      }
      (globalThis as { gc?(): void }).gc?.();
      expect(await running).toStrictEqual(expected);
      expect(given.length).toBe(40 * columns);
    }
    port1.close();
    port2.close();
  });

  it("are kept while nobody else holds them", async () => {
    const expected = clipAndSumSync(make(), options);
    const running = Array.from({ length: 6 }, () => clipAndSum(make(), options));
    // Garbage enough for collections in between.
    for (let i = 0; i < 50; i++) new Float32Array(1_000_000).fill(i);
    for (const result of await Promise.all(running)) expect(result).toStrictEqual(expected);
  });

  it("must not be resizable, for their memory goes when they shrink", async () => {
    const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer;
    const resizable = new Float32Array(new Resizable(48, { maxByteLength: 96 }));
    await expect(clipAndSum(resizable, clip)).rejects.toThrow(/^gradients\[0\]: got a resizable ArrayBuffer/);
    expect(clipAndSumSync(resizable, clip).leftOut).toBe(0);
  });
});
