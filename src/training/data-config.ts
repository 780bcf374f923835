/** From a configuration's `data` to datasets. */
import { existsSync, realpathSync } from "node:fs";
import { resolve, sep } from "node:path";
import { checkText } from "../arguments.js";
import { DataError, withWeights } from "../data/dataset.js";
import { mnistTrainingImages } from "../data/mnist.js";
import type { TrainingConfig } from "./config.js";
import { ConfigError, parseConfigValue } from "./config-errors.js";
import { type DataConfig, dataSchema, readFormat, type TrainingData } from "./data-formats.js";
import { readJson } from "./files.js";

/**
 * Reads the files; relative paths start at `base`. Rejects with a DataError that names the file and what is wrong with
 * it. Augmentation is the trainer's.
 */
export async function loadData(data: TrainingConfig["data"], base: string = process.cwd()): Promise<TrainingData> {
  checkText("base", base);
  const checked = parseConfigValue("data", dataSchema, data);
  const loaded = await readFormat(checked, base);
  if (checked.weights === undefined) return loaded;
  return { ...loaded, train: withWeights(loaded.train, readWeights(resolve(base, checked.weights))) };
}

function readWeights(path: string): Float32Array {
  const list = readJson(path);
  if (list === undefined) throw new DataError(`${path}: there is no such file`);
  if (!Array.isArray(list) || !list.every((weight) => typeof weight === "number")) {
    throw new DataError(`${path}: expected a JSON list of numbers, one a training example`);
  }
  return Float32Array.from(list as number[]);
}

/**
 * The data that chooses coordinates, `sparsification.source.public`. Throws a ConfigError where a private run names its
 * own training examples there, by whatever path: the same examples cannot be private and public.
 */
export async function loadPublicData(config: TrainingConfig, base: string): Promise<TrainingData | undefined> {
  const source = config.sparsification?.source?.public;
  if (source === undefined) return undefined;
  const place = trainingPlace(source, base);
  const isPrivate = config.privacy !== undefined && config.seed === undefined;
  if (isPrivate && overlap(place, trainingPlace(config.data, base))) {
    throw new ConfigError(
      `sparsification.source.public: got the training examples (${place}), allowed: data other than \`data\`, which is ` +
        "public",
    );
  }
  return loadData(source, base);
}

/** File or folder of the training examples, links followed. */
function trainingPlace(data: DataConfig, base: string): string {
  const path = trainingPath(data, base);
  return existsSync(path) ? realpathSync(path) : path;
}

function trainingPath(data: DataConfig, base: string): string {
  if (data.format === "npy") return resolve(base, data.train.npz ?? data.train.images);
  if (data.format === "csv") return resolve(base, data.train);
  if (data.format === "idx") return resolve(base, data.train.images);
  if (data.format === "mnist") return mnistTrainingImages(data.folder && resolve(base, data.folder));
  return resolve(base, data.folder, "train" in data ? data.train : "");
}

/** The same place, or one within the other. */
function overlap(one: string, other: string): boolean {
  return one === other || one.startsWith(other + sep) || other.startsWith(one + sep);
}
