/**
 * Every strategy gives what `naive` (one example at a time) gives, on random small networks, batches, clipping
 * configurations, dropped coordinates, chunk sizes and thread counts.
 *
 * Tolerance: 1e-5 of Σ_b factor_b · (largest magnitude in the gradient of example b, all parameters together). Not of
 * the parameter's own sum: examples cancel in it, and a parameter before a normalisation may have no gradient but
 * rounding, which AUTO-V then scales up to C.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { GraphBuilder, GraphError, type Layer, LayerError, type Model, type Value } from "../../src/graph/index.js";
import * as layers from "../../src/layers/index.js";
import { layerFromJSON } from "../../src/layers/model-json.js";
import { crossEntropy, type Loss, meanSquaredError } from "../../src/losses/index.js";
import type { Batch } from "../../src/training/batch.js";
import { clippingGroups } from "../../src/training/clipping-groups.js";
import { sparsificationStructures } from "../../src/training/sparsification.js";
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose, largest } from "./compare.js";
import { Stream } from "./generator.js";
import { type ClipFunction, clipFunctions, type Extras, strategies, styles, withSession } from "./sessions.js";

const {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  add,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  concat,
  conv1d,
  conv2d,
  conv3d,
  convTranspose2d,
  dropout,
  flatten,
  gelu,
  groupNorm,
  instanceNorm2d,
  layerNorm,
  leakyRelu,
  linear,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  multiply,
  pad,
  relu,
  sigmoid,
  tanh,
  upsample2d,
} = layers;

// Large: numbers that are all but equal, normalised, would be rounding multiplied by 1/√epsilon.
const epsilon = 0.1;
const small = fc.integer({ min: 1, max: 3 });
const chained: fc.Arbitrary<Layer> = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 6 }), fc.boolean()).map(([out, bias]) => linear(out, { bias })),
  fc
    .record({
      out: fc.integer({ min: 1, max: 6 }),
      kernel: small,
      stride: small,
      padding: fc.nat(2),
      dilation: small,
      groups: small,
      bias: fc.boolean(),
      weightStandardization: fc.boolean(),
    })
    .map(({ out, kernel, ...options }) => conv2d(out, kernel, options)),
  fc
    .record({
      out: fc.integer({ min: 1, max: 6 }),
      kernel: small,
      stride: small,
      padding: fc.nat(1),
      outputPadding: fc.nat(1),
      groups: small,
      bias: fc.boolean(),
    })
    .map(({ out, kernel, ...options }) => convTranspose2d(out, kernel, options)),
  fc
    .record({ out: fc.integer({ min: 1, max: 6 }), kernel: small, stride: small, padding: fc.nat(2), groups: small })
    .map(({ out, kernel, ...options }) => conv1d(out, kernel, options)),
  fc
    .record({
      out: fc.integer({ min: 1, max: 6 }),
      kernel: fc.tuple(small, small, small),
      stride: small,
      padding: fc.nat(2),
      dilation: small,
      groups: small,
      bias: fc.boolean(),
    })
    .map(({ out, kernel, ...options }) => conv3d(out, kernel, options)),
  fc.tuple(small, small).map(([kernel, stride]) => maxPool3d([kernel, 1, kernel], { stride })),
  fc.tuple(small, small).map(([kernel, stride]) => avgPool3d([1, kernel, kernel], { stride })),
  small.map((size) => adaptiveAvgPool3d(size)),
  fc.tuple(small, small).map(([height, width]) => adaptiveAvgPool2d([height, width])),
  fc
    .tuple(fc.integer({ min: 1, max: 8 }), fc.constantFrom("nearest" as const, "bilinear" as const))
    .map(([size, mode]) => upsample2d({ size, mode })),
  fc.array(fc.integer({ min: -1, max: 2 }), { minLength: 2, maxLength: 2 }).map((ends) => pad(ends, { value: 0.5 })),
  fc.boolean().map((affine) => instanceNorm2d({ affine, epsilon })),
  fc.tuple(small, small).map(([kernel, stride]) => maxPool2d(kernel, { stride })),
  fc.tuple(small, small).map(([kernel, stride]) => avgPool2d(kernel, { stride })),
  fc.tuple(small, small).map(([kernel, stride]) => maxPool1d(kernel, { stride })),
  fc.tuple(small, small).map(([kernel, stride]) => avgPool1d(kernel, { stride })),
  small.map((size) => adaptiveAvgPool1d(size)),
  fc.tuple(small, fc.boolean()).map(([groups, affine]) => groupNorm(groups, { affine, epsilon })),
  fc.boolean().map((affine) => layerNorm({ affine, epsilon })),
  fc.constantFrom(flatten(), relu(), leakyRelu({ slope: 0.1 }), tanh(), sigmoid(), gelu(), dropout(0.3)),
);

interface Network {
  readonly model: Model;
  readonly loss: Loss;
}

/**
 * A layer of a network: fed by the one before it and, where it takes several, by others as far back as this says;
 * `again`: a layer tied to it works beside it, and their outputs are multiplied.
 */
interface Candidate {
  readonly layer: Layer;
  readonly back: readonly number[];
  readonly again?: boolean;
}

const anyLayer: fc.Arbitrary<Candidate> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(chained, fc.boolean()).map(([layer, again]) => ({ layer, back: [], again })) },
  {
    weight: 1,
    arbitrary: fc.record({
      layer: fc.constantFrom(add(), multiply(), concat(), concat({ dimension: 1 })),
      back: fc.array(fc.nat(3), { minLength: 1, maxLength: 2 }),
    }),
  },
);

/** Layers that refuse where they stand are left out; a head makes the rest a network that can be trained. */
const networks: fc.Arbitrary<Network> = fc
  .tuple(
    fc.constantFrom([5], [4, 3], [2, 6, 6], [4, 5, 4], [2, 3, 4, 4]),
    fc.array(anyLayer, { maxLength: 6 }),
    fc.boolean(),
  )
  .map(([inputShape, candidates, classes]) => {
    const graph = new GraphBuilder();
    const values = [graph.input(inputShape)];
    for (const { layer, back, again } of candidates) {
      const sources = [0, ...back].map((steps) => values[Math.max(0, values.length - 1 - steps)] as Value);
      const value = unlessRefused(() => graph.add(layer, sources));
      if (value) values.push(again ? besideItself(graph, layer, sources, value) : value);
    }
    const model = graph.build(graph.add(linear(3), graph.add(flatten(), values.at(-1) as Value)));
    return { model, loss: classes ? crossEntropy() : meanSquaredError() };
  });

function besideItself(graph: GraphBuilder, layer: Layer, sources: readonly Value[], value: Value): Value {
  const tied = unlessRefused(() => graph.add(layerFromJSON({ ...layer.toJSON(), tie: value.path }), sources));
  return tied ? graph.add(multiply(), [value, graph.add(tanh(), tied)]) : value;
}

function unlessRefused<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof LayerError || error instanceof GraphError) return undefined;
    throw error;
  }
}

function randomBatch({ model, loss }: Network, size: number, views: number, stream: Stream): Batch {
  const rows = size * views;
  const inputs = stream.centered(rows * model.inputShape.reduce((a, b) => a * b, 1), 0, 1.5);
  if (loss.targetKind === "values") return { inputs, targets: stream.centered(rows * 3, 0, 1), size };
  return { inputs, targets: Int32Array.from({ length: rows }, () => Math.floor(stream.uniform() * 3)), size };
}

function randomParameters(model: Model, stream: Stream): Tensors {
  const values = model.initialise(stream);
  return Object.fromEntries(
    model.spec.parameters.map(({ name, shape }, i) => [name, { shape, data: values[i] as Float32Array }]),
  );
}

/** max_i |g_bi| of each example b, over all parameters. */
function magnitudes(gradients: Tensors, size: number): number[] {
  const rows = Object.values(gradients).map(({ data }) => ({ data, elements: data.length / size }));
  return Array.from({ length: size }, (_, b) =>
    Math.max(...rows.map(({ data, elements }) => largest(data.subarray(b * elements, (b + 1) * elements)))),
  );
}

function clipFactor(clipFunction: ClipFunction, threshold: number, norm: number): number {
  if (clipFunction === "abadi") return Math.min(1, threshold / norm);
  return threshold / (norm + (clipFunction === "autoS" ? 0.01 : 1e-30));
}

const rate = fc.constantFrom(0.05, 0.5, 0.9);
const dropped: fc.Arbitrary<Pick<Extras, "sparsification">> = fc.oneof(
  fc.constant({}),
  fc.record({ sparsification: fc.record({ rate }) }),
  fc.record({ sparsification: fc.record({ rate, structured: fc.constantFrom(...sparsificationStructures) }) }),
);

const settings = fc.record({
  network: networks,
  seed: fc.nat(),
  size: fc.integer({ min: 1, max: 9 }),
  augmentationMultiplicity: fc.constantFrom(1, 1, 2, 3),
  dropped,
  chunkSize: fc.integer({ min: 0, max: 9 }),
  threads: fc.integer({ min: 1, max: 2 }),
  clipFunction: fc.constantFrom(...clipFunctions),
  style: fc.constantFrom(...styles.map(([style]) => style), "per-parameter" as const),
  threshold: fc.constantFrom(0.01, 0.5, 20),
});

it("every strategy agrees with naive on random networks", async () => {
  await fc.assert(
    fc.asyncProperty(settings, async (setting) => {
      const { network, seed, size, chunkSize, threads, clipFunction, style, threshold } = setting;
      const same = { augmentationMultiplicity: setting.augmentationMultiplicity, ...setting.dropped };
      const stream = new Stream(seed);
      const fixture = { ...network, threshold, parameters: randomParameters(network.model, stream) };
      const batch = randomBatch(network, size, same.augmentationMultiplicity, stream);
      const clipping = { function: clipFunction, style };
      const naive = await withSession(fixture, "naive", clipping, same, async (session) => ({
        ...(await session.clippedSum(batch)),
        ...(await session.perExampleGradients(batch)),
      }));
      const groups = clippingGroups(network.model.spec, { ...clipping, threshold });
      const largestOf = magnitudes(naive.gradients, size);
      const scaleOf = (parameter: string): number => {
        const group =
          groups.groupOfParameter[network.model.spec.parameters.findIndex(({ name }) => name === parameter)] ?? 0;
        const norms = naive.squaredNorms.subarray(group * size, (group + 1) * size).map(Math.sqrt);
        const factors = norms.map((norm) => clipFactor(clipFunction, groups.thresholds[group] ?? 0, norm));
        return factors.reduce((sum, factor, b) => sum + factor * (largestOf[b] ?? 0), 0);
      };
      for (const strategy of strategies) {
        const extras = { ...same, chunkSize, threads };
        const got = await withSession(fixture, strategy, clipping, extras, (session) => session.clippedSum(batch));
        expect(got.statistics.leftOut).toBe(naive.statistics.leftOut);
        expect(got.statistics.examples).toBe(size);
        for (const [name, { data }] of Object.entries(naive.sums)) {
          expectClose(`${strategy}, ${name}`, got.sums[name]?.data ?? [], data, scaleOf(name));
        }
      }
    }),
    { numRuns: 100 },
  );
});
