/** Trains with carried noise until it is killed: `correlated-child FOLDER`. Says each step on stdout. */
import { existsSync } from "node:fs";
import { ByteDataset } from "../../src/data/memory.js";
import { parseConfig } from "../../src/training/config.js";
import { runPaths } from "../../src/training/run-directory.js";
import { Trainer } from "../../src/training/trainer.js";

const size = 200;
const train = new ByteDataset({
  inputs: Uint8Array.from({ length: size * 4 }, (_, i) => (i * 37) % 256),
  inputShape: [4],
  labels: Uint8Array.from({ length: size }, (_, i) => i % 2),
});
const config = parseConfig({
  model: { inputShape: [4], layers: [{ type: "linear", outFeatures: 2 }] },
  data: { format: "idx", train: { images: "images", labels: "labels" } },
  optimizer: { type: "sgd", learningRate: 0.1 },
  privacy: { noiseMultiplier: 1, delta: 1e-5, correlation: { type: "bisr", bands: 4 } },
  sampling: { type: "cyclicPoisson", blocks: 10 },
  samplingRate: 0.1,
  steps: 100_000,
  checkpointEvery: 3,
  threads: 1,
});
const out = process.argv[2] as string;
const trainer = new Trainer({ config, train, out, resume: existsSync(runPaths(out).ledger) });
trainer.on("step", ({ step }) => process.stdout.write(`${step}\n`));
await trainer.run();
