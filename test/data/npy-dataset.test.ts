import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DataError, type Dataset, makeTargets } from "../../src/data/dataset.js";
import { loadNpyDataset } from "../../src/data/npy-dataset.js";
import { loadData } from "../../src/training/data-config.js";
import { temporaryFolder, tinyConfig } from "../training/tiny.js";
import { encodeNpy } from "./encode-npy.js";

const arrays = fileURLToPath(new URL("../fixtures/arrays", import.meta.url));

function files(images: Uint8Array, labels: Uint8Array) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "x.npy"), images);
  writeFileSync(join(folder, "y.npy"), labels);
  return { images: join(folder, "x.npy"), labels: join(folder, "y.npy") };
}

async function read(dataset: Dataset, indices: number[]) {
  const inputs = new Float32Array(indices.length * dataset.inputShape.reduce((product, length) => product * length, 1));
  const targets = makeTargets(dataset, indices.length);
  await dataset.read(indices, inputs, targets);
  return { inputs: [...inputs], targets };
}

const bytes = (...shape: number[]) =>
  encodeNpy(
    shape,
    Uint8Array.from({ length: shape.reduce((product, length) => product * length, 1) }, (_, i) => i),
  );

describe("loadNpyDataset", () => {
  it("gives pictures of bytes one channel and divides them by 255", async () => {
    const dataset = await loadNpyDataset(files(bytes(3, 2, 2), encodeNpy([3], BigInt64Array.of(4n, 0n, 9n))));
    expect([dataset.size, dataset.inputShape, dataset.targetKind]).toEqual([3, [1, 2, 2], "classes"]);
    const { inputs, targets } = await read(dataset, [2, 0]);
    expect(inputs).toEqual([8, 9, 10, 11, 0, 1, 2, 3].map((value) => Math.fround(value / 255)));
    expect(targets).toEqual(Int32Array.of(9, 4));
  });

  it("takes floats as they are, normalised by channel where it is asked for", async () => {
    const values = Float64Array.from({ length: 16 }, (_, i) => i / 4 - 2);
    const pair = files(encodeNpy([2, 2, 2, 2], values), encodeNpy([2], Uint8Array.of(1, 0)));
    expect((await read(await loadNpyDataset(pair), [0, 1])).inputs).toEqual([...values]);
    const normalization = { mean: [1, -1], std: [2, 0.5], divisor: 0.5 };
    const { inputs } = await read(await loadNpyDataset({ ...pair, normalization }), [1]);
    const expected = [...values].slice(8).map((x, i) => (i < 4 ? (2 * x - 1) / 2 : (2 * x + 1) / 0.5));
    expect(inputs).toEqual(expected);
  });

  it("takes whole numbers for classes of each pixel, and floats for values", async () => {
    const pixels = await loadNpyDataset(
      files(bytes(2, 3, 2, 2), encodeNpy([2, 2, 2], Int16Array.of(1, 2, 3, 4, 5, 6, 7, 8))),
    );
    expect([pixels.targetKind, pixels.targetShape, pixels.targetElements]).toEqual(["classes", [2, 2], 4]);
    expect((await read(pixels, [1, 0])).targets).toEqual(Int32Array.of(5, 6, 7, 8, 1, 2, 3, 4));
    const values = await loadNpyDataset(files(bytes(2, 5), encodeNpy([2, 2], Float64Array.of(0.5, 1, -2, 4))));
    expect([values.targetKind, values.inputShape, values.targetElements]).toEqual(["values", [5], 2]);
    expect((await read(values, [1])).targets).toEqual(Float32Array.of(-2, 4));
  });

  it.each([
    [bytes(3), bytes(3), /x\.npy: \[3\], \[N, D\], \[N, H, W\] or \[N, C, H, W\] expected$/],
    [bytes(1, 1, 1, 1, 1), bytes(1), /x\.npy: \[1, 1, 1, 1, 1\]/],
    [bytes(3, 2), bytes(2), /x\.npy has shape \[3, 2\], .*y\.npy has \[2\]: as many labels as pictures expected$/],
    [bytes(3, 2), encodeNpy([], Uint8Array.of(1)), /y\.npy has \[\]: as many labels/],
    [bytes(3, 0, 2), bytes(3), /x\.npy: \[3, 0, 2\], nothing in an example$/],
    [bytes(3, 2), bytes(3, 0), /y\.npy: \[3, 0\], nothing in a label$/],
    [
      bytes(2, 2),
      encodeNpy([2], BigInt64Array.of(1n, 2n ** 40n)),
      /y\.npy: element 1 is 1099511627776, whole numbers of 32/,
    ],
    [bytes(2, 2), encodeNpy([2], BigInt64Array.of(1n, 2n ** 53n + 1n)), /y\.npy: element 1 is 9007199254740993, whole/],
    [new Uint8Array(5), bytes(2), /x\.npy: does not start with/],
  ])("refuses what does not belong together", async (images, labels, message) => {
    const pair = files(images, labels);
    await expect(loadNpyDataset(pair)).rejects.toThrow(DataError);
    await expect(loadNpyDataset(pair)).rejects.toThrow(message);
  });
});

describe("data of format npy", () => {
  it("comes from files or from an archive", async () => {
    const { images } = files(bytes(3, 2, 4), encodeNpy([3], Int32Array.of(2, 0, 1)));
    const config = tinyConfig({
      data: {
        format: "npy",
        train: { images: "x.npy", labels: "y.npy" },
        test: { npz: join(arrays, "deflated.npz"), images: "x", labels: "y" },
      },
    });
    const { train, test } = await loadData(config.data, join(images, ".."));
    const all = await read(train, [0, 1, 2]);
    expect(all.targets).toEqual(Int32Array.of(2, 0, 1));
    expect(await read(test as Dataset, [0, 1, 2])).toEqual(all);
  });

  it.each([
    [{ train: { images: "x.npy" } }, /data\.train\.labels: got nothing; allowed: a string/],
    [{ train: { images: "x", labels: "y", npy: "z" } }, /unknown key 'npy', did you mean 'npz'\?/],
    [
      { train: { images: "x", labels: "y" }, normalization: { mean: 0, std: 1, divisor: 0 } },
      /normalization\.divisor: got 0/,
    ],
  ])("checks %j", (data, message) => {
    expect(() => tinyConfig({ data: { format: "npy", ...data } })).toThrow(message);
  });
});
