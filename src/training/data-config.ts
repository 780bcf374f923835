/** From a configuration's `data` to datasets. */
import { resolve } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { idxDataset } from "../data/idx.js";
import { loadMnist } from "../data/mnist.js";
import type { TrainingConfig } from "./config.js";

export interface TrainingData {
  readonly train: Dataset;
  readonly test?: Dataset;
}

/** Reads the files; relative paths start at `base`. Throws a DataError that names the file and what is wrong with it. */
export function loadData(data: TrainingConfig["data"], base: string = process.cwd()): TrainingData {
  const { normalization } = data;
  if (data.format === "idx") {
    const load = (pair: { readonly images: string; readonly labels: string }) =>
      idxDataset(resolve(base, pair.images), resolve(base, pair.labels), normalization);
    return data.test ? { train: load(data.train), test: load(data.test) } : { train: load(data.train) };
  }
  const options = {
    ...(data.folder ? { folder: resolve(base, data.folder) } : {}),
    ...(normalization ? { normalization } : {}),
  };
  return { train: loadMnist("train", options), test: loadMnist("test", options) };
}
