/** U-Net and Nested U-Net through a whole run: a bright and a dark square on grey, to be told apart by pixel. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/data/dataset.js";
import { modelByName } from "../../src/models/index.js";
import { parseConfig } from "../../src/training/config.js";
import { evaluateDataset } from "../../src/training/evaluate.js";
import type { EpochEvent } from "../../src/training/events.js";
import { readMetrics } from "../../src/training/metrics.js";
import { Trainer } from "../../src/training/trainer.js";
import { temporaryFolder } from "./tiny.js";

const SIZE = 16;
const PIXELS = SIZE * SIZE;
const IGNORED = 255;

/** Example i: squares whose places follow from i; the first row of pixels is ignored. */
function squares(size: number): Dataset {
  const classOf = (example: number, pixel: number) => {
    const [y, x] = [Math.floor(pixel / SIZE), pixel % SIZE];
    const inside = (top: number, left: number) => y >= top && y < top + 5 && x >= left && x < left + 5;
    if (inside(2 + (example % 5), 1 + (example % 2))) return 1;
    return inside(8 + (example % 3), 9 + (example % 2)) ? 2 : 0;
  };
  return {
    size,
    inputShape: [1, SIZE, SIZE],
    targetKind: "classes",
    targetElements: PIXELS,
    read(indices, inputs, targets) {
      for (let i = 0; i < indices.length * PIXELS; i++) {
        const example = indices[Math.floor(i / PIXELS)] as number;
        const pixel = i % PIXELS;
        const label = classOf(example, pixel);
        inputs[i] = [0, 1, -1][label] as number;
        targets[i] = pixel < SIZE ? IGNORED : label;
      }
    },
  };
}

const train = squares(20);
const test = squares(6);

const configOf = (name: string) =>
  parseConfig({
    model: modelByName(name, { inputShape: [1, SIZE, SIZE], classes: 3, features: 4, groups: 2 }).toJSON(),
    data: { format: "idx", train: { images: "images", labels: "labels" } },
    loss: { type: "diceCrossEntropy", ignoreIndex: IGNORED },
    optimizer: { type: "adam", learningRate: 0.01 },
    privacy: { noiseMultiplier: 0.3, delta: 1e-2, datasetSize: 20 },
    clipping: { function: "abadi", style: "flat", threshold: 1 },
    samplingRate: 0.4,
    steps: 24,
    threads: 1,
    seed: 1,
  });

describe.each(["unet", "nested-unet"])("%s", (name) => {
  it("learns, and says how well by pixel: in events, metrics.csv and the report", async () => {
    const out = join(temporaryFolder(), "run");
    const trainer = new Trainer({ config: configOf(name), train, test, out });
    const epochs: EpochEvent[] = [];
    trainer.on("epoch", (event) => epochs.push(event));
    const result = await trainer.run();
    const [first, last] = [epochs[0] as EpochEvent, epochs.at(-1) as EpochEvent];
    expect(last.trainLoss).toBeLessThan(0.8 * first.trainLoss);
    expect(last.test?.loss).toBeLessThan(0.8 * (first.test?.loss as number));
    expect(result.test).not.toHaveProperty("accuracy");
    const { pixelAccuracy, meanDice, dice, confusion } = result.test?.segmentation ?? {};
    expect(meanDice).toBeGreaterThan(first.test?.segmentation?.meanDice as number);
    expect(pixelAccuracy).toBeGreaterThan(0.7);
    expect(dice).toHaveLength(3);
    const counted = confusion?.flat().reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(6 * (PIXELS - SIZE)); // but the ignored ones

    const rows = readMetrics(join(out, "metrics.csv"));
    expect(rows.at(-1)?.testMeanDice).toBeCloseTo(meanDice as number, 6);
    expect(rows.at(-1)?.testPixelAccuracy).toBeCloseTo(pixelAccuracy as number, 6);
    expect(rows.at(-1)).not.toHaveProperty("testAccuracy");
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain('aria-label="Test Dice by epoch"');
  });
});

it("classes of what is no picture have no pixels to score", async () => {
  const outputs = Float32Array.of(1, 0, 0, 1);
  const session = {
    loss: { attributes: {} },
    evaluate: () => Promise.resolve({ outputs, losses: Float64Array.of(0.5) }),
  } as unknown as Parameters<typeof evaluateDataset>[0];
  const text: Dataset = { size: 1, inputShape: [2], targetKind: "classes", targetElements: 2, read: () => undefined };
  expect(await evaluateDataset(session, text)).toEqual({ examples: 1, loss: 0.5 });
});
