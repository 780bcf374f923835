/**
 * Augmentation multiplicity: what the table of layers cannot see. One example moves the clipped sum by at most the
 * threshold whatever its views hold, equal views are one view, and evaluation takes views one by one.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/graph/index.js";
import { add, conv2d, flatten, groupNorm, linear, relu } from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { sgd } from "../../src/optimizers/index.js";
import type { Batch } from "../../src/training/batch.js";
import { createSession } from "../../src/training/session.js";
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose } from "./compare.js";
import { Stream } from "./generator.js";
import { strategies, withSession } from "./sessions.js";

const elements = 2 * 5 * 5;
const flat = { function: "abadi", style: "flat" } as const;

function network() {
  const graph = new GraphBuilder();
  const image = graph.input([2, 5, 5]);
  const stem = graph.add(conv2d(4, 3, { padding: 1, weightStandardization: true }), image);
  const branch = graph.add(conv2d(4, 3, { padding: 1 }), graph.add(relu(), graph.add(groupNorm(2), stem)));
  const hidden = graph.add(linear(6), graph.add(flatten(), graph.add(add(), [stem, branch])));
  return graph.build(graph.add(linear(3), graph.add(relu(), hidden)));
}

const model = network();
const stream = new Stream(3);
const parameters = Object.fromEntries(
  model.initialise(stream).map((data, i) => {
    const { name, shape } = model.spec.parameters[i] as (typeof model.spec.parameters)[number];
    return [name, { shape, data }];
  }),
);
const fixture = { model, loss: crossEntropy(), threshold: 0.5, parameters };

function drawBatch(size: number, views: number, random: Stream): Batch {
  return {
    inputs: random.centered(size * views * elements, 0, 1.5),
    targets: Int32Array.from({ length: size * views }, () => Math.floor(3 * random.uniform())),
    size,
  };
}

function distance(a: Tensors, b: Tensors): number {
  let squares = 0;
  for (const [name, { data }] of Object.entries(a)) {
    for (const [i, value] of data.entries()) squares += (value - (b[name]?.data[i] as number)) ** 2;
  }
  return Math.sqrt(squares);
}

it("one example of any views moves the clipped sum by at most the threshold", async () => {
  const setting = fc.record({
    seed: fc.nat(),
    views: fc.integer({ min: 2, max: 4 }),
    size: fc.integer({ min: 1, max: 5 }),
    chunkSize: fc.integer({ min: 1, max: 5 }),
    strategy: fc.constantFrom(...strategies),
    value: fc.constantFrom(0, 1, 1e3, 1e15, 1e30, -1e30, Number.NaN, Number.POSITIVE_INFINITY),
    spoilt: fc.integer({ min: 1, max: 4 }),
    label: fc.constantFrom(0, 2, 7, -1),
  });
  await fc.assert(
    fc.asyncProperty(setting, async ({ seed, views, size, chunkSize, strategy, value, spoilt, label }) => {
      const others = drawBatch(size, views, new Stream(seed));
      const inputs = new Float32Array((size + 1) * views * elements);
      const targets = new Int32Array((size + 1) * views);
      inputs.set(others.inputs);
      targets.set(others.targets);
      // The last example: some of its views are of one colour, the others as drawn.
      inputs.set(new Stream(seed + 1).centered(views * elements, 0, 1.5), size * views * elements);
      inputs.fill(value, size * views * elements, (size * views + Math.min(spoilt, views)) * elements);
      targets.fill(label, size * views);
      const extras = { chunkSize, augmentationMultiplicity: views };
      await withSession(fixture, strategy, flat, extras, async (session) => {
        const without = await session.clippedSum(others);
        const together = await session.clippedSum({ inputs, targets, size: size + 1 });
        expect(distance(together.sums, without.sums)).toBeLessThanOrEqual(fixture.threshold * (1 + 1e-5));
      });
    }),
    { numRuns: 60 },
  );
});

describe.each(["none", ...strategies] as const)("%s", (strategy) => {
  it("takes equal views for one, dropped coordinates and all", async () => {
    const single = drawBatch(3, 1, new Stream(11));
    const views = 3;
    const source = (i: number) => Math.floor(i / (views * elements)) * elements + (i % elements);
    const several = {
      inputs: new Float32Array(3 * views * elements).map((_, i) => single.inputs[source(i)] as number),
      targets: new Int32Array(3 * views).map((_, i) => single.targets[Math.floor(i / views)] as number),
      size: 3,
    };
    for (const extras of [{}, { sparsification: { rate: 0.5 } }]) {
      const once = await withSession(fixture, strategy, flat, extras, (session) => session.clippedSum(single));
      const repeated = await withSession(fixture, strategy, flat, { ...extras, augmentationMultiplicity: views }, (s) =>
        s.clippedSum(several),
      );
      for (const [name, { data }] of Object.entries(once.sums)) {
        expectClose(name, repeated.sums[name]?.data ?? [], data, undefined, 2e-5);
      }
      expectClose("norms", [repeated.statistics.normSum], [once.statistics.normSum]);
    }
  });
});

it("evaluation takes any number of views, each by itself", async () => {
  const rows = drawBatch(7, 1, new Stream(5));
  const one = await withSession(fixture, "auto", flat, {}, (session) => session.evaluate(rows));
  const extras = { augmentationMultiplicity: 3, chunkSize: 2 };
  const many = await withSession(fixture, "auto", flat, extras, async (session) => {
    await session.clippedSum(drawBatch(5, 3, new Stream(6))); // leaves its rows in memory
    return session.evaluate(rows);
  });
  expect(many.outputs).toHaveLength(21);
  expectClose("outputs", many.outputs, one.outputs);
  expectClose("losses", many.losses, one.losses);
});

it("says what an example is, and refuses a multiplicity that is none", async () => {
  await withSession(fixture, "auto", flat, { augmentationMultiplicity: 2 }, async (session) => {
    await expect(session.clippedSum(drawBatch(2, 1, new Stream(1)))).rejects.toThrow(
      /^batch\.inputs: got Float32Array of 100, expected Float32Array of 200 \(2 examples of 100\)/,
    );
  });
  for (const augmentationMultiplicity of [0, 1.5, 1025, "2"]) {
    const options = { loss: crossEntropy(), optimizer: sgd({ learningRate: 1 }), augmentationMultiplicity };
    expect(() => createSession(model, options as never)).toThrow(/^augmentationMultiplicity must be an integer in/);
  }
});
