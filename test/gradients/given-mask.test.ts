/** Masks that the caller gives: the float64 fixtures of random ones, and the sensitivity under any. */
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/data/safetensors.js";
import { sequential } from "../../src/graph/index.js";
import { conv2d, flatten, groupNorm, linear, relu, tanh } from "../../src/layers/index.js";
import { meanSquaredError } from "../../src/losses/index.js";
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose, expectEachClose, largest } from "./compare.js";
import { loadFixture, readRows } from "./fixture.js";
import { Stream } from "./generator.js";
import { strategies, withSession } from "./sessions.js";

const made = readSafetensors(join(import.meta.dirname, "../fixtures/gradients/sparsified.safetensors"));
const names = JSON.parse(made.metadata.rows ?? "") as string[];
const settings = Object.entries(JSON.parse(made.metadata.settings ?? "") as Record<string, [string, number]>);
const elementwise = settings.filter(([, [what]]) => what === "elements");
const value = (name: string) => made.tensors.get(name)?.values as Float64Array | Uint8Array;
const clipping = { function: "abadi", style: "flat" } as const;

describe.each(readRows("rows.json").filter(({ name }) => names.includes(name)))("$name", (row) => {
  it.each(elementwise)("%s, its mask given", async (setting) => {
    const fixture = loadFixture(row);
    const at = `${row.name}/${setting}`;
    for (const strategy of strategies) {
      await withSession(fixture, strategy, clipping, { sparsification: { rate: 0 }, threads: 2 }, async (session) => {
        const trained = Object.keys((await session.clippedSum(fixture.batch)).sums);
        const kept = Object.fromEntries(trained.map((name) => [name, value(`${at}/kept/${name}`) as Uint8Array]));
        session.setMask({ kept, from: "public" });
        const found = await session.perExampleGradients(fixture.batch);
        expectEachClose(`${strategy}: norms`, found.squaredNorms.map(Math.sqrt), value(`${at}/norms`));
        const { sums } = await session.clippedSum(fixture.batch);
        const scale = Math.max(...trained.map((name) => largest(value(`${at}/sum/${name}`))));
        for (const [name, { data }] of Object.entries(sums)) {
          expectClose(`${strategy}: ${name}`, data, value(`${at}/sum/${name}`), scale);
        }
      });
    }
  });
});

it("one record moves the sum by at most C, whatever it holds and whatever mask is given", async () => {
  const network = sequential([2, 4, 4], [conv2d(3, 3), tanh(), groupNorm(3), flatten(), linear(9), relu(), linear(2)]);
  const vectors = sequential([6], [linear(9), relu(), linear(7), tanh(), linear(2)]);
  const magnitudes = fc.constantFrom(0, 1e-40, 1e-12, 1, 1e6, 1e15, 1e30, 3e38, Number.NaN);
  const record = fc.record({
    model: fc.constantFrom(network, vectors),
    strategy: fc.constantFrom(...strategies),
    seed: fc.nat(),
    inputs: fc.array(magnitudes, { minLength: 1, maxLength: 3 }),
    target: magnitudes,
    // Repeated over the coordinates: single ones, stripes, blocks, all.
    pattern: fc
      .array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 40 })
      .filter((bits) => bits.includes(1)),
    stretch: fc.constantFrom(1, 7, 64),
  });
  await fc.assert(
    fc.asyncProperty(record, async ({ model, strategy, seed, pattern, stretch, ...given }) => {
      const values = model.initialise(new Stream(seed));
      const parameters: Tensors = Object.fromEntries(
        model.spec.parameters.map(({ name, shape }, i) => [name, { shape, data: values[i] as Float32Array }]),
      );
      const fixture = { model, loss: meanSquaredError(), threshold: 0.5, parameters };
      const elements = model.inputShape.reduce((a, b) => a * b, 1);
      const inputs = new Stream(seed)
        .centered(elements, 0, 1)
        .map((x, i) => x * (given.inputs[i % given.inputs.length] ?? 0));
      let at = 0;
      const keep = () => pattern[Math.floor(at++ / stretch) % pattern.length] as number;
      const kept = Object.fromEntries(
        Object.entries(parameters).map(([name, { data }]) => [name, Uint8Array.from(data, keep)]),
      );
      if (!Object.values(kept).some((part) => part.includes(1))) return;
      await withSession(fixture, strategy, clipping, { sparsification: { rate: 0.5 } }, async (session) => {
        session.setMask({ kept, from: "public" });
        const batch = { inputs, targets: Float32Array.of(given.target, 1), size: 1 };
        const { sums, statistics } = await session.clippedSum(batch);
        const sum = Object.values(sums).flatMap(({ data }) => [...data]);
        expect(Math.hypot(...sum)).toBeLessThanOrEqual(0.5);
        if (statistics.leftOut === 1) expect(largest(sum)).toBe(0);
        const dropped = Object.values(kept).flatMap((part) => [...part].map((keeps) => keeps === 0));
        expect(sum.some((x, i) => dropped[i] === true && x !== 0)).toBe(false);
      });
    }),
    { numRuns: 200 },
  );
});
