/** A problem small enough to train on in every test: pictures of 4×4 whose brightest row is their class. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Dataset } from "../../src/data/dataset.js";
import { ByteDataset } from "../../src/data/memory.js";
import { parseConfig, type TrainingConfig } from "../../src/training/config.js";
import type { TrainingResult } from "../../src/training/events.js";
import { Trainer } from "../../src/training/trainer.js";

export function tinyData(size: number): ByteDataset {
  const labels = Uint8Array.from({ length: size }, (_, i) => i % 4);
  const inputs = Uint8Array.from({ length: size * 16 }, (_, i) => {
    const example = Math.floor(i / 16);
    const row = Math.floor((i % 16) / 4);
    return (row === example % 4 ? 200 : 0) + ((i * 37 + example * 11) % 50);
  });
  return new ByteDataset({ inputs, inputShape: [1, 4, 4], labels });
}

export const tinyModel = {
  inputShape: [1, 4, 4],
  layers: [
    { type: "flatten" },
    { type: "linear", outFeatures: 8 },
    { type: "tanh" },
    { type: "linear", outFeatures: 4 },
  ],
};

/** A checked configuration on that problem: 200 examples, q = 0.1, 10 steps an epoch. */
export function tinyConfig(changes: Record<string, unknown> = {}): TrainingConfig {
  return parseConfig({
    model: tinyModel,
    data: { format: "idx", train: { images: "images", labels: "labels" } },
    optimizer: { type: "sgd", learningRate: 0.5, momentum: 0.9 },
    privacy: { epsilon: 8, delta: 1e-5, datasetSize: 200 },
    samplingRate: 0.1,
    steps: 30,
    threads: 1,
    ...changes,
  });
}

interface TinyRun {
  /** Interrupted after this step. */
  readonly stopAfter?: number;
  readonly resume?: boolean;
  /** Public examples. */
  readonly shown?: Dataset;
}

/** Trains on that problem, into `out`. */
export async function runTiny(
  config: TrainingConfig,
  out: string,
  { stopAfter, resume = false, shown }: TinyRun = {},
): Promise<TrainingResult> {
  const controller = new AbortController();
  const train = tinyData(config.privacy?.datasetSize ?? 200);
  const trainer = new Trainer({ config, train, public: shown, out, resume });
  trainer.on("step", ({ step }) => step === stopAfter && controller.abort());
  return await trainer.run(controller.signal);
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hushgrad-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
