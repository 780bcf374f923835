/** What the children that are killed train on. Without tiny.ts, which needs the test runner. */
import { ByteDataset } from "../../src/data/memory.js";

export const size = 200;

export const train = new ByteDataset({
  inputs: Uint8Array.from({ length: size * 4 }, (_, i) => (i * 37) % 256),
  inputShape: [4],
  labels: Uint8Array.from({ length: size }, (_, i) => i % 2),
});

/** Configuration of runs that outlive the child. */
export const endless = {
  model: { inputShape: [4], layers: [{ type: "linear", outFeatures: 2 }] },
  data: { format: "idx", train: { images: "images", labels: "labels" } },
  optimizer: { type: "sgd", learningRate: 0.1 },
  samplingRate: 0.1,
  steps: 100_000,
  threads: 1,
};
