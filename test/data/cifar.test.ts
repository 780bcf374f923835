import { copyFileSync, mkdirSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadCifar10, loadCifar100 } from "../../src/data/cifar.js";
import { DataError } from "../../src/data/dataset.js";
import type { ByteDataset } from "../../src/data/memory.js";
import { temporaryFolder } from "../training/tiny.js";
import { folderOf, pictures } from "./pictures.js";

const raw = { mean: 0, std: 1 / 255 };
const cifar10 = join(pictures, "cifar10");
const cifar100 = join(pictures, "cifar100");

function contents(dataset: ByteDataset): { labels: number[]; inputs: Float32Array } {
  const inputs = new Float32Array(dataset.size * 3072);
  const labels = new Int32Array(dataset.size);
  dataset.read([...Array(dataset.size).keys()], inputs, labels);
  return { labels: [...labels], inputs };
}

/** As make.py says. */
function picture(record: number): number[] {
  const at = (i: number) => [Math.floor(i / 1024), Math.floor(i / 32) % 32, i % 32] as const;
  return Array.from({ length: 3072 }, (_, i) => {
    const [c, y, x] = at(i);
    return (3 + 89 * c + 7 * y + x + 31 * record) % 256;
  });
}

function folderInstead(path: string): void {
  unlinkSync(path);
  mkdirSync(path);
}

const bytes = (inputs: Float32Array) => Array.from(inputs, (value) => Math.round(value));

describe("loadCifar10", () => {
  it("reads five batches in order and the test batch", () => {
    const train = loadCifar10("train", { folder: cifar10, normalization: raw });
    expect(train.inputShape).toEqual([3, 32, 32]);
    const { labels, inputs } = contents(train);
    expect(labels).toEqual([0, 3, 6, 9, 2]);
    expect(bytes(inputs)).toEqual([0, 1, 2, 3, 4].flatMap(picture));
    const test = contents(loadCifar10("test", { folder: cifar10, normalization: raw }));
    expect(test.labels).toEqual([7]);
    expect(bytes(test.inputs)).toEqual(picture(5));
  });

  it("normalises each channel with the published constants", () => {
    const { inputs } = contents(loadCifar10("test", { folder: cifar10 }));
    const pixels = picture(5);
    expect(inputs[0]).toBeCloseTo(((pixels[0] as number) / 255 - 0.4914) / 0.247, 5);
    expect(inputs[1024]).toBeCloseTo(((pixels[1024] as number) / 255 - 0.4822) / 0.2435, 5);
    expect(inputs[3071]).toBeCloseTo(((pixels[3071] as number) / 255 - 0.4465) / 0.2616, 5);
  });

  it("finds the folder that the archive makes", () => {
    const parent = folderOf({ "cifar-10-batches-bin/test_batch.bin": "cifar10/test_batch.bin" });
    expect(loadCifar10("test", { folder: parent }).size).toBe(1);
    expect(() => loadCifar10("valid" as "test", { folder: parent })).toThrow(/^split: got "valid", expected one of/);
    expect(() => loadCifar10("train", { folder: parent })).toThrow(/CIFAR-10: no data_batch_1\.bin in .*; extract/);
  });

  it.each([
    ["cut", (path: string) => truncateSync(path, 3072), /test_batch\.bin: 3072 bytes, a multiple of 3073 expected/],
    ["empty", (path: string) => truncateSync(path, 0), /test_batch\.bin: 0 bytes, a multiple of 3073 expected/],
    [
      "CIFAR-100's",
      (path: string) => copyFileSync(join(cifar100, "test.bin"), path),
      /test_batch\.bin: 3074 bytes, a multiple of 3073 expected/,
    ],
    [
      "with an eleventh class",
      (path: string) => writeFileSync(path, new Uint8Array(3073).fill(10)),
      /test_batch\.bin: record 0 has label 10, 0 … 9 expected/,
    ],
    ["a folder", folderInstead, /test_batch\.bin: EISDIR/],
  ])("refuses a file that is %s", (_, change, message) => {
    const folder = folderOf({ "test_batch.bin": "cifar10/test_batch.bin" });
    change(join(folder, "test_batch.bin"));
    expect(() => loadCifar10("test", { folder })).toThrow(DataError);
    expect(() => loadCifar10("test", { folder })).toThrow(message);
  });
});

describe("loadCifar100", () => {
  it("has fine and coarse labels", () => {
    const fine = contents(loadCifar100("train", { folder: cifar100, normalization: raw }));
    expect(fine.labels).toEqual([99, 1]);
    expect(bytes(fine.inputs)).toEqual([0, 1].flatMap(picture));
    expect(contents(loadCifar100("train", { folder: cifar100, labels: "coarse" })).labels).toEqual([19, 0]);
    expect(contents(loadCifar100("test", { folder: cifar100, labels: "coarse" })).labels).toEqual([4]);
  });

  it("refuses labels out of range", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "test.bin"), new Uint8Array(3074).fill(20));
    expect(loadCifar100("test", { folder }).size).toBe(1);
    expect(() => loadCifar100("test", { folder, labels: "coarse" })).toThrow(/label 20, 0 … 19 expected/);
  });
});
