import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DataError } from "../../src/data/dataset.js";
import { loadData } from "../../src/training/data-config.js";
import { encodeIdx } from "../data/encode-idx.js";
import { temporaryFolder, tinyConfig } from "./tiny.js";

function folder(weights: string): string {
  const path = temporaryFolder();
  writeFileSync(
    join(path, "images"),
    encodeIdx(
      [3, 2, 2],
      Array.from({ length: 12 }, (_, i) => i),
    ),
  );
  writeFileSync(join(path, "labels"), encodeIdx([3], [0, 1, 2]));
  writeFileSync(join(path, "weights.json"), weights);
  return path;
}

const load = async (weights: string, name = "weights.json") => {
  const files = { images: "images", labels: "labels" };
  const { data } = tinyConfig({ data: { format: "idx", train: files, weights: name } });
  return (await loadData(data, folder(weights))).train;
};

it("weights come from a JSON list beside the data", async () => {
  const train = await load("[1, 0.1, 0]");
  expect(train.weights).toEqual(Float32Array.from([1, 0.1, 0]));
  const inputs = new Float32Array(4);
  const targets = new Int32Array(1);
  train.read([2], inputs, targets);
  expect(targets[0]).toBe(2);
  expect(inputs[0]).toBeCloseTo(8 / 255, 6);
});

it.each([
  ["[1, 2]", "weights.json", /weights: 2 given, but there are 3 examples/],
  ['[1, "2", 3]', "weights.json", /weights\.json: expected a JSON list of numbers/],
  ["{}", "weights.json", /weights\.json: expected a JSON list of numbers/],
  ["[]", "other.json", /other\.json: there is no such file/],
])("refuses %s in %s", async (weights, name, message) => {
  await expect(load(weights, name)).rejects.toThrow(DataError);
  await expect(load(weights, name)).rejects.toThrow(message);
});

it("arrays of pictures come at the size that is asked for", async () => {
  const train = { images: "images", labels: "labels" };
  const at = (size: object) =>
    loadData(tinyConfig({ data: { format: "idx", train, ...size } }).data, folder("[1, 1, 1]"));
  expect((await at({ size: [4, 3] })).train.inputShape).toEqual([1, 4, 3]);
  expect((await at({ size: 1, resize: "stretch" })).train.inputShape).toEqual([1, 1, 1]);
  await expect(at({ resize: "crop" })).rejects.toThrow('resize: "crop" given without a size');
  expect(() => tinyConfig({ data: { format: "idx", train, size: 0 } })).toThrow(/data\.size: got 0/);
});

it("says so where the list of weights is a folder", async () => {
  const path = folder("[1, 1, 1]");
  mkdirSync(join(path, "weights-folder"));
  const files = { images: "images", labels: "labels" };
  const { data } = tinyConfig({ data: { format: "idx", train: files, weights: "weights-folder" } });
  await expect(loadData(data, path)).rejects.toThrow(`${join(path, "weights-folder")}: it is a folder, not a file`);
});

it.each([
  [
    { scale: [0.5, 0.2] },
    /augmentation\.resize\.scale: got \[0\.5,0\.2\]; allowed: a list of two numbers above 0 and at most/,
  ],
  [{ scale: [0, 1] }, /augmentation\.resize\.scale\.0: got 0; allowed: a list of two numbers/],
  [{ scale: 1 }, /augmentation\.resize\.scale: got 1; allowed: a list/],
  [
    { scale: [0.5, 1], ratio: [2, 1] },
    /augmentation\.resize\.ratio: got \[2,1\]; allowed: a list of two numbers above 0, the/,
  ],
])("refuses to resize by %j", (resize, message) => {
  const files = { images: "images", labels: "labels" };
  const data = { format: "idx", train: files, augmentation: { resize } };
  expect(() => tinyConfig({ data })).toThrow(message);
});
