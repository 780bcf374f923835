/**
 * Every strategy gives what `naive` (one example at a time) gives, on random small networks, batches, clipping
 * configurations, chunk sizes and thread counts: to 1e-5 of the largest magnitude in each parameter's sum of
 * per-example magnitudes, so that examples that cancel do not turn rounding into an error.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Layer, LayerError, type Model, sequential } from "../../src/graph/index.js";
import * as layers from "../../src/layers/index.js";
import { crossEntropy, type Loss, meanSquaredError } from "../../src/losses/index.js";
import type { Batch } from "../../src/training/batch.js";
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose, largest } from "./compare.js";
import { Stream } from "./generator.js";
import { clipFunctions, strategies, styles, withSession } from "./sessions.js";

const {
  avgPool2d,
  conv2d,
  dropout,
  flatten,
  gelu,
  groupNorm,
  layerNorm,
  leakyRelu,
  linear,
  maxPool2d,
  relu,
  sigmoid,
  tanh,
} = layers;

const small = fc.integer({ min: 1, max: 3 });
const anyLayer: fc.Arbitrary<Layer> = fc.oneof(
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
    })
    .map(({ out, kernel, ...options }) => conv2d(out, kernel, options)),
  fc.tuple(small, small).map(([kernel, stride]) => maxPool2d(kernel, { stride })),
  fc.tuple(small, small).map(([kernel, stride]) => avgPool2d(kernel, { stride })),
  fc.tuple(small, fc.boolean()).map(([groups, affine]) => groupNorm(groups, { affine })),
  fc.boolean().map((affine) => layerNorm({ affine })),
  fc.constantFrom(flatten(), relu(), leakyRelu({ slope: 0.1 }), tanh(), sigmoid(), gelu(), dropout(0.3)),
);

interface Network {
  readonly model: Model;
  readonly loss: Loss;
}

/** Layers that refuse where they stand are left out; a head makes the rest a network that can be trained. */
const networks: fc.Arbitrary<Network> = fc
  .tuple(fc.constantFrom([5], [4, 3], [2, 6, 6], [4, 5, 4]), fc.array(anyLayer, { maxLength: 5 }), fc.boolean())
  .map(([inputShape, candidates, classes]) => {
    let body: Layer[] = [];
    for (const layer of candidates) body = fits(inputShape, [...body, layer]) ? [...body, layer] : body;
    const model = sequential(inputShape, [...body, flatten(), linear(3)]);
    return { model, loss: classes ? crossEntropy() : meanSquaredError() };
  });

function fits(inputShape: readonly number[], chain: readonly Layer[]): boolean {
  try {
    sequential(inputShape, chain);
    return true;
  } catch (error) {
    if (error instanceof LayerError) return false;
    throw error;
  }
}

function randomBatch({ model, loss }: Network, size: number, stream: Stream): Batch {
  const inputs = stream.centered(size * model.inputShape.reduce((a, b) => a * b, 1), 0, 1.5);
  if (loss.targetKind === "values") return { inputs, targets: stream.centered(size * 3, 0, 1), size };
  return { inputs, targets: Int32Array.from({ length: size }, () => Math.floor(stream.uniform() * 3)), size };
}

function randomParameters(model: Model, stream: Stream): Tensors {
  const values = model.initialise(stream);
  return Object.fromEntries(
    model.spec.parameters.map(({ name, shape }, i) => [name, { shape, data: values[i] as Float32Array }]),
  );
}

/** max_i Σ_b |g_bi| of a parameter: how large its sum could be. */
function magnitude(gradients: Float32Array, size: number): number {
  const elements = gradients.length / size;
  const sums = new Float64Array(elements);
  gradients.forEach((value, i) => {
    sums[i % elements] = (sums[i % elements] as number) + Math.abs(value);
  });
  return largest(sums);
}

const settings = fc.record({
  network: networks,
  seed: fc.nat(),
  size: fc.integer({ min: 1, max: 9 }),
  chunkSize: fc.integer({ min: 0, max: 9 }),
  threads: fc.integer({ min: 1, max: 2 }),
  clipFunction: fc.constantFrom(...clipFunctions),
  style: fc.constantFrom(...styles.map(([style]) => style)),
  threshold: fc.constantFrom(0.01, 0.5, 20),
});

it("every strategy agrees with naive on random networks", async () => {
  await fc.assert(
    fc.asyncProperty(settings, async ({ network, seed, size, chunkSize, threads, clipFunction, style, threshold }) => {
      const stream = new Stream(seed);
      const fixture = { ...network, threshold, parameters: randomParameters(network.model, stream) };
      const batch = randomBatch(network, size, stream);
      const clipping = { function: clipFunction, style };
      const naive = await withSession(fixture, "naive", clipping, {}, async (session) => ({
        ...(await session.clippedSum(batch)),
        ...(await session.perExampleGradients(batch)),
      }));
      const norm = Math.sqrt(Math.max(...naive.squaredNorms));
      const factor = clipFunction === "abadi" ? Math.min(1, threshold / norm) : threshold / (norm + 0.01);
      for (const strategy of strategies) {
        const got = await withSession(fixture, strategy, clipping, { chunkSize, threads }, (session) =>
          session.clippedSum(batch),
        );
        expect(got.statistics.leftOut).toBe(naive.statistics.leftOut);
        expect(got.statistics.examples).toBe(size);
        for (const [name, { data }] of Object.entries(naive.sums)) {
          const scale = factor * magnitude(naive.gradients[name]?.data ?? new Float32Array(), size);
          expectClose(`${strategy}, ${name}`, got.sums[name]?.data ?? [], data, Math.max(scale, largest(data)));
        }
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);
