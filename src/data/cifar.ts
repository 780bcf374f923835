/**
 * CIFAR-10 and CIFAR-100 in their binary layout (https://www.cs.toronto.edu/~kriz/cifar.html): records without a
 * header, a label byte (CIFAR-100: coarse, then fine) and 3,072 bytes of a picture, [3, 32, 32].
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkChoice, checkObject, checkText } from "../arguments.js";
import { DataError } from "./dataset.js";
import { ByteDataset } from "./memory.js";
import { type Normalization, publishedNormalizations } from "./normalization.js";

export const cifarLabels = ["fine", "coarse"] as const;

export interface CifarOptions {
  /** The extracted archive: the folder with the .bin files, or the one that holds it. */
  readonly folder: string;
  /** The published constants of the set by default. */
  readonly normalization?: Normalization | undefined;
}

export interface Cifar100Options extends CifarOptions {
  /** 100 classes or 20; `fine` by default. */
  readonly labels?: (typeof cifarLabels)[number] | undefined;
}

interface Layout {
  readonly name: string;
  readonly archive: string;
  readonly files: Readonly<Record<"train" | "test", readonly string[]>>;
  readonly labelBytes: number;
  /** Which label byte counts, and the number of its values. */
  readonly label: number;
  readonly classes: number;
}

const inputShape = [3, 32, 32];
const PICTURE_BYTES = 3 * 32 * 32;

const cifar10: Layout = {
  name: "CIFAR-10",
  archive: "cifar-10-batches-bin",
  files: { train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), test: ["test_batch.bin"] },
  labelBytes: 1,
  label: 0,
  classes: 10,
};
const cifar100 = { name: "CIFAR-100", archive: "cifar-100-binary", labelBytes: 2 };
const cifar100Files: Layout["files"] = { train: ["train.bin"], test: ["test.bin"] };

/** Reads one split. Throws a DataError that names a file that is missing, cut, or holds another label than 0 … 9. */
export function loadCifar10(split: "train" | "test", options: CifarOptions): ByteDataset {
  checkObject("options", options, "an object of folder, normalization");
  const { folder, normalization = publishedNormalizations.cifar10 } = options;
  return load(cifar10, split, folder, normalization);
}

/** Reads one split, as `loadCifar10` does. */
export function loadCifar100(split: "train" | "test", options: Cifar100Options): ByteDataset {
  checkObject("options", options, "an object of folder, labels, normalization");
  const { folder, labels = "fine", normalization = publishedNormalizations.cifar100 } = options;
  checkChoice("labels", labels, cifarLabels);
  const which = labels === "coarse" ? { label: 0, classes: 20 } : { label: 1, classes: 100 };
  const layout = { ...cifar100, ...which, files: cifar100Files };
  return load(layout, split, folder, normalization);
}

function load(layout: Layout, split: "train" | "test", folder: string, normalization: Normalization): ByteDataset {
  checkChoice("split", split, ["train", "test"]);
  checkText("folder", folder);
  const files = layout.files[split].map((file) => {
    const path = findFile(layout, folder, file);
    return parseRecords(readFile(path), path, layout);
  });
  const count = files.reduce((sum, { labels }) => sum + labels.length, 0);
  const inputs = new Uint8Array(count * PICTURE_BYTES);
  const labels = new Uint8Array(count);
  let done = 0;
  for (const file of files) {
    inputs.set(file.inputs, done * PICTURE_BYTES);
    labels.set(file.labels, done);
    done += file.labels.length;
  }
  return new ByteDataset({ inputs, inputShape, labels, normalization });
}

function findFile({ name, archive }: Layout, folder: string, file: string): string {
  const found = [join(folder, file), join(folder, archive, file)].find((path) => existsSync(path));
  if (!found) throw new DataError(`${name}: no ${file} in ${folder}; extract the binary version of the archive there`);
  return found;
}

export interface CifarRecords {
  /** [N, 3, 32, 32] */
  readonly inputs: Uint8Array;
  /** [N] */
  readonly labels: Uint8Array;
}

/** Parses the bytes of one file of CIFAR-10; `path` stands for it in errors. Throws a DataError as `loadCifar10` does. */
export function parseCifar10(bytes: Uint8Array, path: string): CifarRecords {
  return parseRecords(bytes, path, cifar10);
}

function parseRecords(bytes: Uint8Array, path: string, { labelBytes, label, classes }: Layout): CifarRecords {
  const record = labelBytes + PICTURE_BYTES;
  const count = bytes.length / record;
  if (!(Number.isInteger(count) && count > 0)) {
    throw new DataError(`${path}: ${bytes.length} bytes, a multiple of ${record} expected`);
  }
  const inputs = new Uint8Array(count * PICTURE_BYTES);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const from = i * record;
    labels[i] = bytes[from + label] as number;
    if ((labels[i] as number) >= classes) {
      throw new DataError(`${path}: record ${i} has label ${labels[i]}, 0 … ${classes - 1} expected`);
    }
    inputs.set(bytes.subarray(from + labelBytes, from + record), i * PICTURE_BYTES);
  }
  return { inputs, labels };
}

function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new DataError(`${path}: ${(error as Error).message}`);
  }
}
