/**
 * A hostile record in a network of branches: whatever it holds, it moves the clipped sum by at most the threshold, and
 * the sum of the others stays what it is without it.
 */
import { expect, it } from "vitest";
import { GraphBuilder } from "../../src/graph/index.js";
import {
  add,
  channelsLast,
  concat,
  conv2d,
  convTranspose2d,
  groupNorm,
  linear,
  multiply,
  pad,
  relu,
  tanh,
  upsample2d,
} from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import type { Batch } from "../../src/training/batch.js";
import { Stream } from "./generator.js";
import { strategies, withSession } from "./sessions.js";

function branches() {
  const graph = new GraphBuilder();
  const image = graph.input([2, 6, 6]);
  const stem = graph.add(relu(), graph.add(groupNorm(2), graph.add(conv2d(4, 3, { padding: 1 }), image)));
  const branch = graph.add(groupNorm(2), graph.add(conv2d(4, 3, { padding: 1 }), stem));
  const sum = graph.add(add(), [branch, stem]);
  const up = graph.add(convTranspose2d(3, 2, { stride: 2 }), sum);
  const larger = graph.add(upsample2d({ scale: 2, mode: "bilinear" }), image);
  const product = graph.add(multiply(), [up, graph.add(tanh(), up)]);
  const joined = graph.add(pad([1, 0]), graph.add(concat(), [product, larger]));
  return graph.build(graph.add(linear(3), graph.add(channelsLast(), joined)));
}

const model = branches();
const THRESHOLD = 0.5;
const stream = new Stream(7);
const parameters = Object.fromEntries(
  model.initialise(stream).map((data, i) => {
    const { name, shape } = model.spec.parameters[i] as (typeof model.spec.parameters)[number];
    return [name, { shape, data }];
  }),
);
const elements = 72;
const targets = 12 * 13;
const inputs = stream.centered(3 * elements, 0, 1.5);
const classes = Int32Array.from({ length: 3 * targets }, () => Math.floor(3 * stream.uniform()));

/** The batch with record 1 filled by `value`, or without it. */
function batchOf(value: number | null): Batch {
  if (value !== null)
    return { inputs: inputs.map((x, i) => (i >= elements && i < 2 * elements ? value : x)), targets: classes, size: 3 };
  const others = <T extends Float32Array | Int32Array>(all: T, width: number) =>
    all.filter((_: number, i: number) => Math.floor(i / width) !== 1) as T;
  return { inputs: others(inputs, elements), targets: others(classes, targets), size: 2 };
}

it.each(strategies)("%s", async (strategy) => {
  const fixture = { model, loss: crossEntropy(), threshold: THRESHOLD, parameters };
  await withSession(fixture, strategy, { function: "abadi", style: "flat" }, { chunkSize: 3 }, async (session) => {
    const { sums: alone } = await session.clippedSum(batchOf(null));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 3e38, 1e30, 1e19, 1e-38, 0]) {
      const { sums, statistics } = await session.clippedSum(batchOf(value));
      let squares = 0;
      for (const [name, { data }] of Object.entries(sums)) {
        const before = alone[name]?.data as Float32Array;
        for (const [i, x] of data.entries()) squares += (x - (before[i] as number)) ** 2;
      }
      expect(Math.sqrt(squares), `${value}`).toBeLessThanOrEqual(THRESHOLD * (1 + 1e-5));
      if (!Number.isFinite(value)) expect(statistics.leftOut, `${value}`).toBe(1);
    }
  });
});
