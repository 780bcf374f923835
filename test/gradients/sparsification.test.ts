/**
 * Random sparsification against float64: masks, norms and clipped sums made by PyTorch and the openssl command
 * (test/fixtures/gradients/make_sparsified.py), and properties on random networks and hostile records.
 */
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/data/safetensors.js";
import { sequential } from "../../src/graph/index.js";
import { conv2d, flatten, groupNorm, linear, relu, tanh } from "../../src/layers/index.js";
import { meanSquaredError } from "../../src/losses/index.js";
import type { Session } from "../../src/training/session.js";
import type { SparsificationStructure } from "../../src/training/sparsification.js";
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose, expectEachClose, largest } from "./compare.js";
import { loadFixture, readRows } from "./fixture.js";
import { Stream } from "./generator.js";
import { type Extras, strategies, withSession } from "./sessions.js";

const made = readSafetensors(join(import.meta.dirname, "../fixtures/gradients/sparsified.safetensors"));
const names = JSON.parse(made.metadata.rows ?? "") as string[];
const settings = JSON.parse(made.metadata.settings ?? "") as Record<
  string,
  ["elements" | SparsificationStructure, number]
>;
const state = {
  key: new Uint8Array(Buffer.from(made.metadata.key ?? "", "hex")),
  refresh: Number(made.metadata.refresh),
};
const clipping = { function: "abadi", style: "flat" } as const;
const value = (name: string) => made.tensors.get(name)?.values as Float64Array | Uint8Array;

describe.each(readRows("rows.json").filter(({ name }) => names.includes(name)))("$name", (row) => {
  const fixture = loadFixture(row);

  it.each(Object.entries(settings))("%s", async (setting, [what, rate]) => {
    const at = `${row.name}/${setting}`;
    const structured = what === "elements" ? {} : { structured: what };
    for (const strategy of strategies) {
      for (const extras of [
        { chunkSize: 2, threads: 2 },
        { chunkSize: 0, threads: 1 },
      ]) {
        const options = { ...extras, sparsification: { rate, ...structured } };
        await withSession(fixture, strategy, clipping, options, async (session) => {
          session.setSparsification({ ...state, rate });
          const found = await session.perExampleGradients(fixture.batch);
          expectEachClose(`${strategy}: norms`, found.squaredNorms.map(Math.sqrt), value(`${at}/norms`));
          const { sums } = await session.clippedSum(fixture.batch);
          const scale = Math.max(...Object.keys(sums).map((name) => largest(value(`${at}/sum/${name}`))));
          for (const [name, { data }] of Object.entries(sums)) {
            expectClose(`${strategy}: ${name}`, data, value(`${at}/sum/${name}`), scale);
            expectDropped(data, value(`${at}/kept/${name}`), 1);
            expectDropped(found.gradients[name]?.data ?? [], value(`${at}/kept/${name}`), fixture.batch.size);
          }
        });
      }
    }
  });
});

/** Exactly zero where dropped, and somewhere not where kept. */
function expectDropped(data: ArrayLike<number>, kept: ArrayLike<number>, rows: number): void {
  expect(data.length).toBe(rows * kept.length);
  const wrong = Array.from(data).filter((element, i) => kept[i % kept.length] === 0 && element !== 0);
  expect(wrong).toEqual([]);
}

/** Which coordinates are zero in the sums of two batches: those that are dropped, and none by chance. */
function bothZero(one: Float64Array, other: Float64Array): boolean[] {
  return Array.from(one, (value, i) => value === 0 && other[i] === 0);
}

/**
 * Exactly zero where dropped. Elsewhere gradients cancel exactly once in ten million float32 sums, in one order of adding
 * and not in another: four of them in one comparison here are a mistake but for 10⁻⁸ of runs.
 */
function expectZeros(sum: Float64Array, naive: Float64Array, dropped: readonly boolean[]): void {
  expect(sum.findIndex((value, i) => dropped[i] === true && value !== 0)).toBe(-1);
  expect(sum.filter((value, i) => value === 0 && naive[i] !== 0).length).toBeLessThan(4);
}

const network = sequential([2, 4, 4], [conv2d(3, 3), tanh(), groupNorm(3), flatten(), linear(9), relu(), linear(2)]);
const vectors = sequential([6], [linear(9), relu(), linear(7), tanh(), linear(2)]);
const whats = fc.constantFrom(undefined, "rows", "columns", "channels") as fc.Arbitrary<
  SparsificationStructure | undefined
>;
const rates = fc.constantFrom(0, 0.1, 0.5, 0.8, 0.95);

function parametersOf(model: typeof network, seed: number): Tensors {
  const values = model.initialise(new Stream(seed));
  return Object.fromEntries(
    model.spec.parameters.map(({ name, shape }, i) => [name, { shape, data: values[i] as Float32Array }]),
  );
}

async function sumOf(
  session: Session,
  inputs: Float32Array,
  targets: Float32Array,
  size: number,
): Promise<{ readonly sum: Float64Array; readonly leftOut: number }> {
  const { sums, statistics } = await session.clippedSum({ inputs, targets, size });
  const sum = Float64Array.from(Object.values(sums).flatMap(({ data }) => [...data]));
  return { sum, leftOut: statistics.leftOut };
}

it("one record moves the sum by at most C, whatever it holds and whatever is dropped", async () => {
  const magnitudes = fc.constantFrom(0, 1e-40, 1e-25, 1e-12, 1, 1e6, 1e15, 1e30, 3e38, Number.NaN);
  const record = fc.record({
    model: fc.constantFrom(network, vectors),
    strategy: fc.constantFrom(...strategies),
    clipFunction: fc.constantFrom("abadi" as const, "autoV" as const),
    structured: whats,
    rate: rates,
    refresh: fc.nat(1000),
    seed: fc.nat(),
    // A record of a few magnitudes, and a target that may be huge: it scales the gradient of the output.
    inputs: fc.array(magnitudes, { minLength: 1, maxLength: 3 }),
    target: magnitudes,
  });
  await fc.assert(
    fc.asyncProperty(record, async ({ model, strategy, clipFunction, structured, rate, refresh, seed, ...given }) => {
      const fixture = { model, loss: meanSquaredError(), threshold: 0.5, parameters: parametersOf(model, seed) };
      const elements = model.inputShape.reduce((a, b) => a * b, 1);
      const stream = new Stream(seed);
      const inputs = stream.centered(elements, 0, 1).map((x, i) => x * (given.inputs[i % given.inputs.length] ?? 0));
      const targets = Float32Array.of(given.target, 1);
      const clipping = { function: clipFunction, style: "flat" } as const;
      const options = { sparsification: { rate, structured } };
      await withSession(fixture, strategy, clipping, options, async (session) => {
        session.setSparsification({ ...state, refresh, rate });
        const { sum, leftOut } = await sumOf(session, inputs, targets, 1);
        expect(Math.hypot(...sum)).toBeLessThanOrEqual(0.5);
        if (leftOut === 1) expect(largest(sum)).toBe(0);
      });
    }),
    { numRuns: 300 },
  );
});

it("strategies, chunks and threads drop the same and agree", async () => {
  const setting = fc.record({
    model: fc.constantFrom(network, vectors),
    structured: whats,
    rate: rates,
    refresh: fc.nat(1000),
    seed: fc.nat(),
    size: fc.integer({ min: 1, max: 9 }),
    chunkSize: fc.integer({ min: 0, max: 9 }),
    threads: fc.integer({ min: 1, max: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(setting, async ({ model, structured, rate, refresh, seed, size, chunkSize, threads }) => {
      const fixture = { model, loss: meanSquaredError(), threshold: 0.5, parameters: parametersOf(model, seed) };
      const draw = (stream: Stream) => ({
        inputs: stream.centered(size * model.inputShape.reduce((a, b) => a * b, 1), 0, 1.5),
        targets: stream.centered(size * 2, 0, 1),
      });
      const run = (strategy: (typeof strategies)[number], extras: Extras, random = new Stream(seed + 1)) => {
        const { inputs, targets } = draw(random);
        return withSession(
          fixture,
          strategy,
          clipping,
          { ...extras, sparsification: { rate, structured } },
          (session) => {
            session.setSparsification({ ...state, refresh, rate });
            return sumOf(session, inputs, targets, size);
          },
        );
      };
      const naive = await run("naive", {});
      const dropped = bothZero(naive.sum, (await run("naive", {}, new Stream(seed + 2))).sum);
      for (const strategy of strategies) {
        const { sum } = await run(strategy, { chunkSize, threads });
        expectClose(strategy, sum, naive.sum, Math.max(largest(naive.sum), 1e-3 * size));
        expectZeros(sum, naive.sum, dropped);
      }
    }),
    { numRuns: 40 },
  );
});

// Sums are made tile by tile of 65,536 elements, which begin and end within rows here.
it.each([undefined, "rows", "columns", "channels"] as const)(
  "sums of many tiles agree with naive: %s",
  async (structured) => {
    const model = sequential([301], [linear(700), tanh(), linear(2)]);
    const fixture = { model, loss: meanSquaredError(), threshold: 0.5, parameters: parametersOf(model, 3) };
    const stream = new Stream(4);
    const draw = () => ({ inputs: stream.centered(6 * 301, 0, 1.5), targets: stream.centered(6 * 2, 0, 1) });
    const [batch, another] = [draw(), draw()];
    for (const rate of [0.3, 0.95]) {
      const run = (strategy: (typeof strategies)[number], { inputs, targets } = batch) =>
        withSession(fixture, strategy, clipping, { threads: 2, sparsification: { rate, structured } }, (session) =>
          sumOf(session, inputs, targets, 6),
        );
      const naive = await run("naive");
      const { sum } = await run("auto");
      expectClose("auto", sum, naive.sum, largest(naive.sum));
      const dropped = bothZero(naive.sum, (await run("naive", another)).sum);
      expect(dropped.filter(Boolean).length).toBeGreaterThan(0.9 * rate * 700 * 301);
      expectZeros(sum, naive.sum, dropped);
    }
  },
);

// The large e belongs to a dropped coordinate, the small one meets an input near float32's largest: factor·e would lie
// among denormal numbers, and round by half of itself.
it("a record whose kept products round coarsely is not added longer than C", async () => {
  const model = sequential([2], [linear(2, { bias: false })]);
  const threshold = 1e-6;
  const zero: Tensors = { "0.weight": { shape: [2, 2], data: new Float32Array(4) } };
  const fixture = { model, loss: meanSquaredError(), threshold, parameters: zero };
  for (const strategy of strategies) {
    await withSession(fixture, strategy, clipping, { sparsification: { rate: 0.5 } }, async (session) => {
      // A mask that keeps e_0 a_1 and e_1 a_0 alone.
      for (let refresh = 0, found = false; !found; refresh++) {
        session.setSparsification({ ...state, refresh, rate: 0.5 });
        const { sum } = await sumOf(session, Float32Array.of(1, 1), Float32Array.of(1, 1), 1);
        found = sum[1] !== 0 && sum[2] !== 0;
      }
      for (let scale = 1; scale < 3.4; scale += 0.05) {
        const { sum } = await sumOf(session, Float32Array.of(scale * 1e38, 0), Float32Array.of(1, 1e-30), 1);
        expect(Math.hypot(...sum)).toBeLessThanOrEqual(threshold);
      }
    });
  }
});
