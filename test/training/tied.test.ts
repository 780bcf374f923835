/** Tied parameters in a session: loading, cancelling gradients, and the bound on one record's share of the sum. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraphBuilder, sequential } from "../../src/graph/index.js";
import { add, concat, conv2d, flatten, linear, tanh } from "../../src/layers/index.js";
import { meanSquaredError } from "../../src/losses/index.js";
import { sgd } from "../../src/optimizers/index.js";
import { createSession } from "../../src/training/session.js";
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose, largest } from "../gradients/compare.js";
import { Stream } from "../gradients/generator.js";
import { strategies, withSession } from "../gradients/sessions.js";

const clipping = { function: "abadi", style: "flat" } as const;
const loss = meanSquaredError();

function parametersOf(model: ReturnType<typeof sequential>, seed: number): Tensors {
  const values = model.initialise(new Stream(seed));
  return Object.fromEntries(
    model.spec.parameters.map(({ name, shape }, i) => [name, { shape, data: values[i] as Float32Array }]),
  );
}

const chain = sequential([4], [linear(4), tanh(), linear(4, { tie: "0" }), tanh(), linear(2)]);
const pictures = sequential(
  [2, 5, 5],
  [
    conv2d(2, 3, { padding: 1 }),
    tanh(),
    conv2d(2, 3, { tie: "0" }),
    tanh(),
    conv2d(2, 3, { tie: { weight: "2.weight" } }),
    flatten(),
  ],
);

/** f(x) − f(x), as the head's weights have it: the two uses' gradients cancel exactly. */
function difference() {
  const graph = new GraphBuilder();
  const input = graph.input([3]);
  const first = graph.add(linear(2), input, "first");
  const both = graph.add(concat(), [first, graph.add(linear(2, { tie: "first" }), input)]);
  const model = graph.build(graph.add(linear(1, { freeze: true }), both, "head"));
  const parameters = {
    ...parametersOf(model, 1),
    "head.weight": { shape: [1, 4], data: Float32Array.of(1, 0.5, -1, -0.5) },
  };
  return { model, parameters };
}

it.each([...strategies, "none" as const])("uses that cancel leave nothing: %s", async (strategy) => {
  const { model, parameters } = difference();
  const fixture = { model, loss, threshold: 1, parameters };
  for (const scale of [1, 1e15]) {
    const inputs = Float32Array.from([0.3, -0.7, 0.2, 1, 2, 3], (x) => x * scale);
    await withSession(fixture, strategy, clipping, {}, async (session) => {
      const { sums } = await session.clippedSum({ inputs, targets: Float32Array.of(3, -2), size: 2 });
      for (const { data } of Object.values(sums)) expect([...data].every((x) => x === 0)).toBe(true);
    });
  }
});

it.each(strategies)("one record moves the sum by at most C, whatever it holds: %s", async (strategy) => {
  const magnitudes = fc.constantFrom(0, 1e-40, 1e-12, 1, 1e6, 1e15, 1e30, 3e38, Number.NaN, Number.POSITIVE_INFINITY);
  const record = fc.record({
    model: fc.constantFrom(chain, pictures, difference().model),
    style: fc.constantFrom("flat" as const, "per-layer" as const, "per-parameter" as const),
    clipFunction: fc.constantFrom("abadi" as const, "autoV" as const),
    seed: fc.nat(),
    hostile: fc.array(magnitudes, { minLength: 1, maxLength: 3 }),
    target: magnitudes,
    chunkSize: fc.constantFrom(1, 3),
  });
  // One that is clipped moves the sum as far as one can: that is not left to chance.
  const clipped = { style: "flat", clipFunction: "autoV", seed: 1, hostile: [1], target: 1, chunkSize: 3 } as const;
  let closest = 0;
  await fc.assert(
    fc.asyncProperty(record, async ({ model, style, clipFunction, seed, hostile, target, chunkSize }) => {
      const fixture = { model, loss, threshold: 0.5, parameters: parametersOf(model, seed) };
      const elements = model.inputShape.reduce((a, b) => a * b, 1);
      const wide = model.outputShape.reduce((a, b) => a * b, 1);
      const stream = new Stream(seed);
      const others = stream.centered(2 * elements, 0, 1.5);
      const extra = stream.centered(elements, 0, 1).map((x, i) => x * (hostile[i % hostile.length] ?? 0));
      const wanted = stream.centered(2 * wide, 0, 1);
      const inputs = Float32Array.from([...others.subarray(0, elements), ...extra, ...others.subarray(elements)]);
      const targets = Float32Array.from([
        ...wanted.subarray(0, wide),
        ...new Array(wide).fill(target),
        ...wanted.subarray(wide),
      ]);
      const settings = { function: clipFunction, style };
      await withSession(fixture, strategy, settings, { chunkSize, threads: 1 }, async (session) => {
        const sumOf = async (batch: Parameters<typeof session.clippedSum>[0]) => {
          const { sums, statistics } = await session.clippedSum(batch);
          return { values: Object.values(sums).flatMap(({ data }) => [...data]), leftOut: statistics.leftOut };
        };
        const before = await sumOf({ inputs: others, targets: wanted, size: 2 });
        const after = await sumOf({ inputs, targets, size: 3 });
        const moved = Math.hypot(...after.values.map((value, i) => value - (before.values[i] as number)));
        closest = Math.max(closest, moved / 0.5);
        expect(moved).toBeLessThanOrEqual(0.5 * (1 + 1e-5));
        if (after.leftOut === 1) expect(moved).toBeLessThanOrEqual(1e-6);
      });
    }),
    { numRuns: 150, examples: [[{ model: chain, ...clipped, hostile: [...clipped.hostile] }]] },
  );
  expect(closest).toBeGreaterThan(0.999);
});

describe("under a mask", () => {
  it.each(["elements", "rows", "columns", "channels"] as const)("norms are those of what is kept: %s", async (what) => {
    const structured = what === "elements" ? {} : { structured: what };
    const fixture = { model: pictures, loss, threshold: 0.3, parameters: parametersOf(pictures, 5) };
    const stream = new Stream(6);
    const batch = { inputs: stream.centered(4 * 50, 0, 1.5), targets: stream.centered(4 * 2, 0, 1), size: 4 };
    for (const strategy of strategies) {
      await withSession(
        fixture,
        strategy,
        clipping,
        { sparsification: { rate: 0.5, ...structured } },
        async (session) => {
          session.setSparsification({ key: new Uint8Array(32).fill(7), refresh: 3, rate: 0.5 });
          const { gradients, squaredNorms } = await session.perExampleGradients(batch);
          const { sums } = await session.clippedSum(batch);
          const rows = Object.entries(gradients);
          const expected = Float64Array.from({ length: 4 }, (_, b) =>
            rows.reduce((sum, [, { data }]) => {
              const row = data.subarray((b * data.length) / 4, ((b + 1) * data.length) / 4);
              return sum + row.reduce((squares, x) => squares + x * x, 0);
            }, 0),
          );
          expectClose(`${strategy}: squared norms`, squaredNorms, expected);
          expect(gradients["0.weight"]?.data.filter((x) => x === 0).length).toBeGreaterThan(0);
          for (const [name, { data }] of rows) {
            const size = data.length / 4;
            const sum = Float64Array.from({ length: size }, (_, i) =>
              expected.reduce((total, square, b) => {
                const factor = Math.min(1, 0.3 / Math.sqrt(square));
                return total + factor * (data[b * size + i] as number);
              }, 0),
            );
            expectClose(`${strategy}: sum of ${name}`, sums[name]?.data ?? [], sum, Math.max(largest(sum), 0.1));
          }
        },
      );
    }
  });
});

describe("loadParameters", () => {
  const fixture = { model: chain, loss, threshold: 1, parameters: parametersOf(chain, 2) };
  const { "0.weight": weight, "0.bias": bias, ...rest } = fixture.parameters;
  const load = (tensors: Tensors) =>
    withSession(fixture, "auto", clipping, {}, async (session) => {
      session.loadParameters(tensors);
      return session.parameters();
    });

  it("takes a tied parameter under any of its names, as PyTorch's state_dict has it under all", async () => {
    const other = { shape: [4, 4], data: new Float32Array(16).fill(0.25) };
    const all = { ...rest, "0.weight": other, "0.bias": bias, "2.weight": other, "2.bias": bias } as Tensors;
    expect(Object.keys(await load(all))).toEqual(["0.weight", "0.bias", "4.weight", "4.bias"]);
    expect((await load(all))["0.weight"]?.data).toEqual(other.data);
    const copied = { ...all, "2.weight": { shape: [4, 4], data: other.data.slice() } };
    expect((await load(copied))["0.weight"]?.data).toEqual(other.data);
    const second = { ...rest, "2.weight": other, "2.bias": bias } as Tensors;
    expect((await load(second))["0.weight"]?.data).toEqual(other.data);
  });

  it("refuses names of one parameter with different values", async () => {
    const other = { shape: [4, 4], data: new Float32Array(16) };
    const both = { ...fixture.parameters, "2.weight": other };
    await expect(load(both)).rejects.toThrow(/^2\.weight: differs from '0\.weight', which it is tied to/);
    await expect(load({ ...rest, "0.weight": weight } as Tensors)).rejects.toThrow(/missing 0\.bias/);
  });
});

it("a step moves a tied parameter by the sum over its uses, and a plan counts it once", async () => {
  using session = createSession(chain, {
    loss,
    optimizer: sgd({ learningRate: 0.1 }),
    privacy: { noiseMultiplier: 0, expectedBatchSize: 2 },
    clipping: { ...clipping, threshold: 1 },
    seed: 1,
  });
  expect(session.plan().layers.reduce((total, layer) => total + layer.parameters, 0)).toBe(chain.parameterCount);
  const parameters = parametersOf(chain, 3);
  session.loadParameters(parameters);
  const stream = new Stream(4);
  const batch = { inputs: stream.centered(8, 0, 1), targets: stream.centered(4, 0, 1), size: 2 };
  const { sums } = await session.clippedSum(batch);
  await session.step(batch);
  for (const [name, { data }] of Object.entries(session.parameters())) {
    const before = parameters[name]?.data as Float32Array;
    const moved = data.map((value, i) => value - (before[i] as number));
    expectClose(name, moved, sums[name]?.data.map((x) => (-0.1 * x) / 2) ?? [], 1);
  }
});

it("integer sums, which discrete noise is added to, hold the sum over the uses too", async () => {
  const stream = new Stream(9);
  const batch = { inputs: stream.centered(3 * 50, 0, 1.5), targets: stream.centered(3 * 2, 0, 1), size: 3 };
  const sumsWith = async (noise: "gaussian" | "discrete") => {
    using session = createSession(pictures, {
      loss,
      optimizer: sgd({ learningRate: 0.1 }),
      privacy: { noise, noiseMultiplier: 1, expectedBatchSize: 3 },
      clipping: { ...clipping, threshold: 0.5 },
      strategy: "naive",
      seed: 1,
    });
    session.loadParameters(parametersOf(pictures, 5));
    return (await session.clippedSum(batch)).sums;
  };
  const floats = await sumsWith("gaussian");
  for (const [name, { data }] of Object.entries(await sumsWith("discrete"))) {
    expectClose(name, data, floats[name]?.data ?? [], 0.5, 1e-4);
  }
});

it("branches of one weight add up, as twice its use", async () => {
  const graph = new GraphBuilder();
  const input = graph.input([3]);
  const first = graph.add(linear(2), input, "first");
  const model = graph.build(graph.add(add(), [first, graph.add(linear(2, { tie: "first" }), input)]));
  const parameters = parametersOf(model, 8);
  const single = sequential([3], [linear(2)]);
  const doubled = Object.fromEntries(
    Object.entries(parameters).map(([name, { shape, data }]) => [
      name.replace("first", "0"),
      { shape, data: data.map((x) => 2 * x) },
    ]),
  );
  const batch = { inputs: Float32Array.of(0.5, -1, 2), targets: Float32Array.of(1, 0), size: 1 };
  const tied = await withSession({ model, loss, threshold: 1, parameters }, "ghost", clipping, {}, (session) =>
    session.perExampleGradients(batch),
  );
  const alone = await withSession(
    { model: single, loss, threshold: 1, parameters: doubled },
    "ghost",
    clipping,
    {},
    (s) => s.perExampleGradients(batch),
  );
  expectClose(
    "squared norm",
    tied.squaredNorms,
    alone.squaredNorms.map((x) => 4 * x),
  );
});
