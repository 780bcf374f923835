/** A grid of runs that take a moment each, on pictures of 4×4. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeIdx } from "../data/encode-idx.js";
import { tinyModel } from "../training/tiny.js";

const size = 200;

/** Writes data and a grid into `folder`: 2 cells of each private variant, 1 without privacy. Gives the grid's path. */
export function writeGrid(folder: string, changes: Record<string, unknown> = {}): string {
  const labels = Array.from({ length: size }, (_, i) => i % 4);
  const pixels = Array.from({ length: size * 16 }, (_, i) =>
    Math.floor((i % 16) / 4) === Math.floor(i / 16) % 4 ? 200 : i % 50,
  );
  writeFileSync(join(folder, "images"), encodeIdx([size, 4, 4], pixels));
  writeFileSync(join(folder, "labels"), encodeIdx([size], labels));
  const files = { images: "images", labels: "labels" };
  const base = {
    model: tinyModel,
    data: { format: "idx", train: files, test: files },
    optimizer: { type: "sgd", learningRate: 0.5, momentum: 0.9 },
    privacy: { noiseMultiplier: 1, delta: 1e-5, datasetSize: size, group: { name: "patient", size: 4 } },
    samplingRate: 0.1,
    epochs: 2,
    threads: 1,
  };
  writeFileSync(join(folder, "base.json"), JSON.stringify(base));
  const grid = {
    name: "tiny study",
    notes: ["An example is a picture."],
    base: "base.json",
    variants: {
      "without DP": { strategy: "none", privacy: null },
      "automatic clipping": { clipping: { function: "autoS" } },
      "random sparsification": { sparsification: { rate: 0.5, refreshesPerEpoch: 2 } },
    },
    grid: { "privacy.noiseMultiplier": [0.5, 2] },
    ...changes,
  };
  const path = join(folder, "tiny.grid.json");
  writeFileSync(path, JSON.stringify(grid));
  return path;
}

/** The cells' folders. */
export const cellNames = [
  "without-DP",
  "automatic-clipping_noiseMultiplier-0.5",
  "automatic-clipping_noiseMultiplier-2",
  "random-sparsification_noiseMultiplier-0.5",
  "random-sparsification_noiseMultiplier-2",
] as const;
