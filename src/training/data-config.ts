/** From a configuration's `data` to datasets. */
import { resolve } from "node:path";
import { DataError, type Dataset, withWeights } from "../data/dataset.js";
import { idxDataset } from "../data/idx.js";
import { loadMnist } from "../data/mnist.js";
import type { TrainingConfig } from "./config.js";
import { readJson } from "./files.js";

export interface TrainingData {
  readonly train: Dataset;
  readonly test?: Dataset;
}

/** Reads the files; relative paths start at `base`. Throws a DataError that names the file and what is wrong with it. */
export function loadData(data: TrainingConfig["data"], base: string = process.cwd()): TrainingData {
  const { train, test } = loadExamples(data, base);
  const weighted = data.weights === undefined ? train : withWeights(train, readWeights(resolve(base, data.weights)));
  return { train: weighted, ...(test ? { test } : {}) };
}

function readWeights(path: string): Float32Array {
  const list = readJson(path);
  if (list === undefined) throw new DataError(`${path}: there is no such file`);
  if (!Array.isArray(list) || !list.every((weight) => typeof weight === "number")) {
    throw new DataError(`${path}: expected a JSON list of numbers, one a training example`);
  }
  return Float32Array.from(list as number[]);
}

function loadExamples(data: TrainingConfig["data"], base: string): TrainingData {
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
