/** One class a pixel: what an example's gradient depends on, and what a hostile record does, through a whole model. */
import { describe, expect, it } from "vitest";
import { channelsLast, conv2d, tanh } from "../../src/layers/index.js";
import { modelFromJSON } from "../../src/layers/model-json.js";
import { crossEntropy, dice, diceCrossEntropy, type Loss } from "../../src/losses/index.js";
import { sgd } from "../../src/optimizers/index.js";
import type { Batch } from "../../src/training/batch.js";
import { createSession, type Session } from "../../src/training/session.js";

const PIXELS = 36;
const CLASSES = 4;
const IGNORED = 3;
const options = { ignoreIndex: IGNORED, classWeights: [0.5, 4, 1, 2] };
const losses: [string, Loss][] = [
  ["crossEntropy", crossEntropy(options)],
  ["dice", dice({ ignoreIndex: IGNORED })],
  ["diceCrossEntropy", diceCrossEntropy(options)],
];

function makeSession(loss: Loss): Session {
  const layers = [conv2d(5, 3, { padding: 1 }), tanh(), conv2d(CLASSES, 1), channelsLast()];
  const model = modelFromJSON({ inputShape: [1, 6, 6], layers: layers.map((layer) => layer.toJSON()) });
  return createSession(model, {
    loss,
    optimizer: sgd({ learningRate: 0.1 }),
    clipping: { function: "abadi", style: "flat", threshold: 0.01 },
    chunkSize: 4,
    threads: 1,
    seed: 1,
  });
}

function batchOf(size: number, seed: number, label: (i: number) => number): Batch {
  const inputs = Float32Array.from({ length: size * PIXELS }, (_, i) => Math.sin(seed + i * i));
  return { inputs, targets: Int32Array.from({ length: size * PIXELS }, (_, i) => label(i)), size };
}

/** `batch` with its second example taken from `from`. */
function withSecond(batch: Batch, from: Batch): Batch {
  const inputs = batch.inputs.slice();
  const targets = batch.targets.slice() as Int32Array;
  inputs.set(from.inputs.subarray(PIXELS, 2 * PIXELS), PIXELS);
  targets.set(from.targets.subarray(PIXELS, 2 * PIXELS), PIXELS);
  return { ...batch, inputs, targets };
}

describe.each(losses)("%s", (_, loss) => {
  const own = batchOf(4, 1, (i) => (i * i) % CLASSES);

  it("gives an example the same bits whatever the others are", async () => {
    const session = makeSession(loss);
    const second = async (batch: Batch) => {
      const { gradients, losses, squaredNorms } = await session.perExampleGradients(batch);
      const rows = Object.values(gradients).map(({ data }) =>
        Array.from(data.subarray(data.length / 4, data.length / 2)),
      );
      return { rows, loss: losses[1], squaredNorm: squaredNorms[1] };
    };
    const expected = await second(own);
    expect(expected.squaredNorm).toBeGreaterThan(0);
    for (const label of [0, 2, IGNORED, CLASSES]) {
      expect(
        await second(
          withSecond(
            batchOf(4, 2 + label, () => label),
            own,
          ),
        ),
      ).toEqual(expected);
    }
    session.dispose();
  });

  it("leaves out an example with a class out of range, and takes one that is ignored as zero", async () => {
    const session = makeSession(loss);
    const bad = withSecond(
      own,
      batchOf(4, 7, () => CLASSES),
    );
    const ignored = withSecond(
      own,
      batchOf(4, 7, () => IGNORED),
    );
    const without = await session.clippedSum(bad);
    const zero = await session.clippedSum(ignored);
    expect(without.statistics).toMatchObject({ examples: 4, leftOut: 1 });
    expect(zero.statistics).toMatchObject({ examples: 4, leftOut: 0, lossSum: without.statistics.lossSum });
    expect(zero.sums).toEqual(without.sums);
    session.dispose();
  });
});

it("refuses, by name, weights that do not fit the model's classes", () => {
  for (const loss of [crossEntropy({ classWeights: [1, 2] }), diceCrossEntropy({ classWeights: [1, 2] })]) {
    expect(() => makeSession(loss)).toThrow(/crossEntropy got 2 classWeights; the model's output has 4 classes/);
  }
});
