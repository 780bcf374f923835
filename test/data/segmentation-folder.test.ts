import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { DataError, type Dataset } from "../../src/data/dataset.js";
import { readNpy } from "../../src/data/npy.js";
import { loadSegmentationFolder, type SegmentationFolderOptions } from "../../src/data/segmentation-folder.js";
import { loadData } from "../../src/training/data-config.js";
import { Trainer } from "../../src/training/trainer.js";
import { temporaryFolder, tinyConfig } from "../training/tiny.js";
import { encodeNpy } from "./encode-npy.js";

const arrays = fileURLToPath(new URL("../fixtures/arrays", import.meta.url));
const numbers = async (name: string) => Array.from((await readNpy(join(arrays, `${name}.npy`))).data, Number);

type Files = Readonly<Record<string, Uint8Array | string>>;

/** Bytes, or the name of a fixture. */
function folderOf(files: Files): string {
  const root = temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (typeof content === "string") copyFileSync(join(arrays, content), join(root, path));
    else writeFileSync(join(root, path), content);
  }
  return root;
}

const scans = { "images/b.npy": "scan.npy", "masks/b.npy": "mask.npy" };
const raw = { mean: 0, std: 1, divisor: 1 };
const load = (folder: string, options: Partial<SegmentationFolderOptions> = {}) =>
  loadSegmentationFolder({ folder, size: [5, 20], channels: 1, normalization: raw, ...options });

async function read(dataset: Dataset, indices: number[]) {
  const stride = dataset.inputShape.reduce((product, length) => product * length, 1);
  const inputs = new Float32Array(indices.length * stride);
  const targets = new Int32Array(indices.length * dataset.targetElements);
  await dataset.read(indices, inputs, targets);
  return indices.map((_, row) => ({
    inputs: inputs.slice(row * stride, (row + 1) * stride),
    targets: targets.slice(row * dataset.targetElements, (row + 1) * dataset.targetElements),
  }));
}

function expectClose(found: Float32Array | undefined, expected: number[], tolerance: number): void {
  expect(found?.length).toBe(expected.length);
  found?.forEach((value, i) => {
    expect(Math.abs(value - (expected[i] as number))).toBeLessThan(tolerance);
  });
}

const gray = (height: number, width: number, value: (i: number) => number) =>
  sharp(
    Uint8Array.from({ length: height * width }, (_, i) => value(i)),
    { raw: { height, width, channels: 1 } },
  )
    .toColourspace("b-w")
    .png()
    .toBuffer();

describe.each([
  ["in memory", 2 ** 20],
  ["decoded when read", 0],
])("loadSegmentationFolder, pairs %s", (_, memoryBytes) => {
  it("resizes pictures and masks as PyTorch does, of any width", async () => {
    const narrow = Uint8Array.from({ length: 35 }, (_, i) => 7 * i);
    const root = folderOf({
      ...scans,
      "images/a.npy": encodeNpy([5, 7], narrow),
      "masks/a.npy": encodeNpy(
        [5, 7],
        Int16Array.from(narrow, (_, i) => i % 3),
      ),
    });
    const { dataset, skipped } = await load(root, { memoryBytes });
    expect(skipped).toEqual([]);
    expect([dataset.size, dataset.inputShape, dataset.targetShape]).toEqual([2, [1, 5, 20], [5, 20]]);
    expect([dataset.targetKind, dataset.targetElements]).toEqual(["classes", 100]);
    const [second, first, again] = await read(dataset, [1, 0, 1]);
    expectClose(second?.inputs, await numbers("scan-5x20"), 1e-4);
    expect([...(second?.targets ?? [])]).toEqual(await numbers("mask-5x20"));
    expect(again).toEqual(second);
    expect(first?.targets.subarray(0, 3)).toEqual(Int32Array.of(0, 0, 0));
    const same = await load(root, { memoryBytes, size: [9, 14] });
    const [, whole] = await read(same.dataset, [0, 1]);
    expect([...(whole?.inputs ?? [])]).toEqual(await numbers("scan"));
    expect([...(whole?.targets ?? [])]).toEqual(await numbers("mask"));
  });

  it("normalises, and puts classes in place of masks' values, all at once", async () => {
    const options = { memoryBytes, size: [9, 14] as const, maskMap: { 8: 0, 9: 8, 0: 9 } };
    const { dataset } = await load(folderOf(scans), { ...options, normalization: { mean: 46, std: 54, divisor: 1 } });
    const [found] = await read(dataset, [0]);
    const scan = await numbers("scan");
    expectClose(
      found?.inputs,
      scan.map((value) => (value - 46) / 54),
      1e-6,
    );
    const classes = (await numbers("mask")).map(
      (value) =>
        new Map([
          [8, 0],
          [9, 8],
          [0, 9],
        ]).get(value) ?? value,
    );
    expect([...(found?.targets ?? [])]).toEqual(classes);
    const byDefault = await load(folderOf(scans), { ...options, normalization: undefined });
    const [unit] = await read(byDefault.dataset, [0]);
    expectClose(
      unit?.inputs,
      scan.map((value) => value / 255),
      1e-6,
    );
  });

  it("takes floats as they are, and several channels", async () => {
    const values = Float64Array.from({ length: 12 }, (_, i) => i - 5.5);
    const files = { "images/x.npy": encodeNpy([3, 2, 2], values), "masks/x.npy": encodeNpy([2, 2], new Int32Array(4)) };
    const options = { size: 2, channels: 3, memoryBytes, normalization: { mean: [0, 1, 2], std: 1 } } as const;
    const { dataset } = await load(folderOf(files), options);
    const [found] = await read(dataset, [0]);
    expect([...(found?.inputs ?? [])]).toEqual([...values].map((value, i) => value - Math.floor(i / 4)));
  });

  it("reads pictures with masks in PNG files", async () => {
    const root = folderOf({
      "images/x.png": await gray(4, 6, (i) => 10 * i),
      "masks/x.png": await gray(4, 6, (i) => i % 4),
      "images/notes.txt": new Uint8Array(1),
      "masks/.hidden": new Uint8Array(1),
    });
    const { dataset } = await load(root, { size: [4, 6], memoryBytes, normalization: raw });
    const [found] = await read(dataset, [0]);
    expect([...(found?.inputs ?? [])]).toEqual(Array.from({ length: 24 }, (_, i) => 10 * i));
    expect([...(found?.targets ?? [])]).toEqual(Array.from({ length: 24 }, (_, i) => i % 4));
    const colours = await load(root, { size: [4, 6], channels: 3, memoryBytes });
    const [three] = await read(colours.dataset, [0]);
    for (const channel of [0, 24, 48]) expect(three?.inputs[channel + 5]).toBe(50);
  });

  it("names every damaged pair, and leaves it out where told to", async () => {
    const root = folderOf({
      ...scans,
      "images/alone.npy": "scan.npy",
      "masks/lost.npy": "mask.npy",
      "images/cut.npy": encodeNpy([2, 2], new Uint8Array(3)),
      "masks/cut.npy": "mask.npy",
      "images/small.npy": encodeNpy([3, 3], new Uint8Array(9)),
      "masks/small.npy": "mask.npy",
      "images/floats.npy": "scan.npy",
      "masks/floats.npy": encodeNpy([9, 14], new Float32Array(126)),
    });
    const reasons = [
      /images.alone\.npy: no mask of the name alone in .*masks$/,
      /images.cut\.npy: the header says \[2, 2\] of uint8 = 4 bytes, 3 are there$/,
      /masks.floats\.npy: elements of type float32, whole numbers expected$/,
      /masks.lost\.npy: no picture of the name lost in .*images$/,
      /masks.small\.npy: 9×14 pixels, its picture .*small\.npy has 3×3$/,
    ];
    await expect(load(root, { memoryBytes })).rejects.toThrow(DataError);
    await expect(load(root, { memoryBytes })).rejects.toThrow(/^5 pictures cannot be read; "corrupt": "skip" leaves/);
    const { dataset, skipped } = await load(root, { memoryBytes, corrupt: "skip" });
    expect(skipped).toEqual(reasons.map((reason) => expect.stringMatching(reason)));
    const [found] = await read(dataset, [0]);
    expect(dataset.size).toBe(1);
    expect([...(found?.targets ?? [])]).toEqual(await numbers("mask-5x20"));
  });
});

describe("loadSegmentationFolder", () => {
  it("gives any mask's values back, whatever type holds them", async () => {
    const types = [Uint8Array, Int16Array, Int32Array, BigInt64Array] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...types),
        fc.array(fc.nat(255), { minLength: 12, maxLength: 12 }),
        async (type, values) => {
          const mask = type === BigInt64Array ? BigInt64Array.from(values, BigInt) : new type(values as never);
          const files = {
            "images/x.npy": encodeNpy([3, 4], new Uint8Array(12)),
            "masks/x.npy": encodeNpy([3, 4], mask),
          };
          const { dataset } = await load(folderOf(files), { size: [3, 4] });
          expect([...((await read(dataset, [0]))[0]?.targets ?? [])]).toEqual(values);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("refuses folders that are none, and names that are several", async () => {
    await expect(load(temporaryFolder())).rejects.toThrow(/images: there is no such folder$/);
    await expect(load(folderOf({ "images/a.txt": new Uint8Array(1), "masks/b.md": "make.py" }))).rejects.toThrow(
      /images: no pictures or \.npy files in it$/,
    );
    const twice = folderOf({ ...scans, "images/b.png": "make.py" });
    await expect(load(twice)).rejects.toThrow(/images.b\.png: of the same name as .*b\.npy$/);
    await expect(load(folderOf({ ...scans, "masks/more/c.npy": "mask.npy" }))).rejects.toThrow(/masks.more: a folder/);
    const alone = folderOf({ "images/alone.npy": "scan.npy", "masks/notes.txt": "make.py" });
    await expect(load(alone, { corrupt: "skip" })).rejects.toThrow(/none of 1 pictures can be read/);
  });

  it.each([
    ["colours", { channels: 3 } as const, "images", [9, 14], /\[9, 14\], \[3, H, W\] expected$/],
    ["a line", {}, "images", [126], /\[126\], \[H, W\] or \[1, H, W\] expected$/],
    ["nothing", {}, "masks", [0, 14], /\[0, 14\], \[H, W\] or/],
  ])("refuses an array that is %s", async (_, options, where, shape, message) => {
    const data = new Uint8Array(shape.reduce((product, length) => product * length, 1));
    const root = folderOf({ ...scans, [`${where}/b.npy`]: encodeNpy(shape, data) });
    if (where === "images") rmSync(join(root, "masks", "b.npy"));
    if (where === "images") copyFileSync(join(arrays, "mask.npy"), join(root, "masks", "b.npy"));
    await expect(load(root, options)).rejects.toThrow(message);
  });

  it("refuses masks whose numbers are colours", async () => {
    const rgb = await sharp({ create: { width: 14, height: 9, channels: 3, background: "red" } })
      .png()
      .toBuffer();
    const palette = await sharp(rgb).png({ palette: true }).toBuffer();
    const jpeg = await sharp(rgb).jpeg().toBuffer();
    const cases: [Uint8Array, RegExp][] = [
      [rgb, /b\.png: 3 channels of uchar, a mask has one channel of 8 bits \(grayscale\)$/],
      [palette, /b\.png: colours of a palette, a mask has/],
      [jpeg, /b\.png: masks are PNG files or \.npy arrays$/],
      [new TextEncoder().encode("no picture"), /b\.png: not a JPEG, PNG/],
    ];
    for (const [mask, message] of cases) {
      const root = folderOf({ "images/b.npy": "scan.npy", "masks/b.png": mask });
      await expect(load(root)).rejects.toThrow(message);
    }
  });

  it.each([
    [{ size: 0 }, /^size must be an integer in \[1, 16384\]/],
    [{ channels: 2 as 3 }, /^channels: got 2, expected one of 1, 3/],
    [{ corrupt: "no" as "skip" }, /^corrupt: got "no"/],
    [{ maskMap: { a: 1 } }, /^maskMap: got \{"a":1\}, allowed: whole numbers/],
    [{ maskMap: { 1: 0.5 } }, /^maskMap: got/],
  ])("refuses the options %j", async (options, message) => {
    await expect(load("nowhere", options)).rejects.toThrow(message);
  });
});

describe("data of format segmentation-folder", () => {
  const config = (changes: object) =>
    tinyConfig({ data: { format: "segmentation-folder", folder: "data", size: 4, channels: 1, ...changes } }).data;

  it("reads its splits", async () => {
    const root = folderOf({
      "data/train/images/a.npy": "scan.npy",
      "data/train/masks/a.npy": "mask.npy",
      "data/val/images/b.npy": "scan.npy",
      "data/val/masks/b.npy": "mask.npy",
    });
    const normalization = { mean: 46.3758, std: 53.9434, divisor: 1 };
    const { train, test } = await loadData(config({ test: "val", maskMap: { 8: 0, 9: 8 }, normalization }), root);
    expect([train.size, test?.size, train.inputShape, train.targetElements]).toEqual([1, 1, [1, 4, 4], 16]);
    const [found] = await read(train, [0]);
    expectClose(
      found?.inputs,
      (await numbers("scan-4x4")).map((value) => (value - 46.3758) / 53.9434),
      1e-6,
    );
    expect((await loadData(config({}), root)).test).toBeUndefined();
  });

  it.each([
    [{ maskMap: { x: 1 } }, /data\.maskMap/],
    [{ maskMap: { 1: 1.5 } }, /data\.maskMap\.1: got 1\.5/],
    [{ maskMap: 3 }, /data\.maskMap: got 3; allowed: an object of whole numbers/],
    [{ mask: {} }, /unknown key 'mask'/],
    [{ corrupt: "skip" }, undefined],
  ])("checks %j", (changes, message) => {
    if (message) expect(() => config(changes)).toThrow(message);
    else expect(config(changes)).toMatchObject(changes);
  });
});

it("trains on augmented pictures with masks, what lies outside of them ignored", async () => {
  const names = Array.from({ length: 8 }, (_, i) => `n${i}`);
  const root = folderOf(
    Object.fromEntries(
      names.flatMap((name) => [
        [`train/images/${name}.npy`, "scan.npy"],
        [`train/masks/${name}.npy`, "mask.npy"],
      ]),
    ),
  );
  const config = tinyConfig({
    model: {
      inputShape: [1, 8, 8],
      layers: [{ type: "conv2d", outChannels: 10, kernelSize: 1 }, { type: "channelsLast" }],
    },
    data: {
      format: "segmentation-folder",
      folder: ".",
      size: 8,
      channels: 1,
      augmentation: { resize: { scale: [0.5, 1] }, crop: { padding: 2 }, flip: true },
    },
    privacy: { epsilon: 8, delta: 1e-5, datasetSize: 8 },
    samplingRate: 0.5,
    steps: 4,
  });
  const { train } = await loadData(config.data, root);
  const trainer = new Trainer({ config, train });
  const leftOut: number[] = [];
  trainer.on("step", ({ statistics }) => leftOut.push(statistics.leftOut));
  const { step } = await trainer.run();
  expect([step, leftOut]).toEqual([4, [0, 0, 0, 0]]);
});
