/** From a configuration's `data` to datasets. */
import { resolve } from "node:path";
import { DataError, withWeights } from "../data/dataset.js";
import type { TrainingConfig } from "./config.js";
import { readFormat, type TrainingData } from "./data-formats.js";
import { readJson } from "./files.js";

/**
 * Reads the files; relative paths start at `base`. Rejects with a DataError that names the file and what is wrong with
 * it. Augmentation is the trainer's.
 */
export async function loadData(data: TrainingConfig["data"], base: string = process.cwd()): Promise<TrainingData> {
  const loaded = await readFormat(data, base);
  if (data.weights === undefined) return loaded;
  return { ...loaded, train: withWeights(loaded.train, readWeights(resolve(base, data.weights))) };
}

function readWeights(path: string): Float32Array {
  const list = readJson(path);
  if (list === undefined) throw new DataError(`${path}: there is no such file`);
  if (!Array.isArray(list) || !list.every((weight) => typeof weight === "number")) {
    throw new DataError(`${path}: expected a JSON list of numbers, one a training example`);
  }
  return Float32Array.from(list as number[]);
}
