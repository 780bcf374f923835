import { copyFileSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError, type Dataset } from "../../src/data/dataset.js";
import { type ImageFolderOptions, loadImageFolder } from "../../src/data/image-folder.js";
import { listPictures } from "../../src/data/picture-list.js";
import { readSafetensors } from "../../src/data/safetensors.js";
import { folderOf, pictures } from "./pictures.js";

const { tensors } = readSafetensors(join(pictures, "expected.safetensors"));
const raw = { mean: 0, std: 1 / 255 };
const stride = 3 * 5 * 7;

const load = (folder: string, options: Partial<ImageFolderOptions> = {}) =>
  loadImageFolder({ folder, size: [5, 7], normalization: raw, ...options });

/** Five pictures of two classes in the order of their paths. */
const order = ["rgba.png", "palette.png", "rgb.png", "gray.png", "lossless.webp"];
const labels = [0, 0, 1, 1, 1];
const mixed = () =>
  folderOf({
    "cat/10.png": "rgba.png",
    "cat/9.PNG": "palette.png",
    "dog/a.png": "rgb.png",
    "dog/more/b.png": "gray.png",
    "dog/z.webp": "lossless.webp",
  });

async function read(dataset: Dataset, indices: number[]): Promise<{ labels: number[]; rows: number[][] }> {
  const inputs = new Float32Array(indices.length * stride);
  const targets = new Int32Array(indices.length);
  await dataset.read(indices, inputs, targets);
  const rows = indices.map((_, row) => Array.from(inputs.subarray(row * stride, (row + 1) * stride), Math.round));
  return { labels: [...targets], rows };
}

const pixelsOf = (fixture: string) => Array.from(tensors.get(fixture)?.values ?? []);

describe.each([
  ["in memory", 2 ** 20],
  ["decoded when read", 5 * stride - 1],
])("loadImageFolder, pictures %s", (_, memoryBytes) => {
  it("gives any choice of pictures in any order, with their classes", async () => {
    const { dataset, classes, skipped } = await load(mixed(), { memoryBytes });
    expect({ size: dataset.size, classes, skipped }).toEqual({ size: 5, classes: ["cat", "dog"], skipped: [] });
    expect(dataset.inputShape).toEqual([3, 5, 7]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(4), { maxLength: 20 }), async (indices) => {
        const found = await read(dataset, indices);
        expect(found.labels).toEqual(indices.map((index) => labels[index]));
        expect(found.rows).toEqual(indices.map((index) => pixelsOf(order[index] as string)));
      }),
      { numRuns: 30 },
    );
  });

  it("names every damaged file, and leaves them out where told to", async () => {
    const folder = mixed();
    writeFileSync(join(folder, "cat", "11.png"), "no picture");
    writeFileSync(join(folder, "dog", "empty.jpg"), "");
    await expect(load(folder, { memoryBytes })).rejects.toThrow(DataError);
    await expect(load(folder, { memoryBytes })).rejects.toThrow(
      /^2 pictures cannot be read; .*\n.*cat.11\.png: not a JPEG.*\n.*dog.empty\.jpg: an empty file$/,
    );
    const { dataset, skipped } = await load(folder, { memoryBytes, corrupt: "skip" });
    expect(skipped).toEqual([
      expect.stringMatching(/cat.11\.png: not a JPEG/),
      expect.stringMatching(/dog.empty\.jpg: an empty file$/),
    ]);
    expect(dataset.size).toBe(5);
    const found = await read(dataset, [0, 1, 2, 3, 4]);
    expect(found.labels).toEqual(labels);
    expect(found.rows).toEqual(order.map(pixelsOf));
  });

  it("refuses indices that are not there, and a folder of which nothing is left", async () => {
    const { dataset } = await load(mixed(), { memoryBytes });
    await expect(read(dataset, [5])).rejects.toThrow(/indices: 5 given, 0 … 4 allowed/);
    await expect(read(dataset, [0.5])).rejects.toThrow(DataError);
    const broken = folderOf({ "a/x.png": "bomb.png" });
    await expect(load(broken, { memoryBytes, corrupt: "skip" })).rejects.toThrow(/none of 1 pictures can be read/);
  });
});

describe("loadImageFolder", () => {
  it("does not go on when a picture that could be read is gone", async () => {
    const folder = mixed();
    const { dataset } = await load(folder, { memoryBytes: 0 });
    unlinkSync(join(folder, "dog", "a.png"));
    await expect(read(dataset, [0, 2, 1])).rejects.toThrow(/a\.png: there is no such file/);
  });

  it("names ten files at most in an error", async () => {
    const files = Array.from({ length: 12 }, (_, i) => [`a/${i}.png`, "bomb.png"]);
    const message = await load(folderOf(Object.fromEntries(files))).catch((error: Error) => error.message);
    const named = String(message).matchAll(/(\d+)\.png: /g);
    expect([...named].map(([, name]) => name)).toEqual(["0", "1", "10", "11", "2", "3", "4", "5", "6", "7"]);
    expect(message).toMatch(/^12 pictures cannot be read(.|\n)*\n… and 2 more$/);
  });

  it.each([0, -1, 1.5, 20_000])("refuses a size of %s", async (size) => {
    await expect(load(mixed(), { size })).rejects.toThrow(/size must be an integer in \[1, 16384\]/);
  });
});

describe("listPictures", () => {
  it("counts classes by name, empty ones too, and gives another split the same numbers", () => {
    const root = folderOf({ "train/b/1.png": "rgb.png", "train/c/1.png": "rgb.png", "test/c/2.png": "rgb.png" });
    mkdirSync(join(root, "train", "a"));
    writeFileSync(join(root, "train", "notes.txt"), "");
    writeFileSync(join(root, "train", "b", "Thumbs.db"), "");
    mkdirSync(join(root, "train", ".hidden"));
    const train = listPictures(join(root, "train"));
    expect(train.classes).toEqual(["a", "b", "c"]);
    expect([...train.labels]).toEqual([1, 2]);
    expect([...listPictures(join(root, "test"), train.classes).labels]).toEqual([2]);
    expect(() => listPictures(join(root, "train"), ["b", "c"])).toThrow(
      /train.a: not a class of the training pictures/,
    );
  });

  it("is the same whatever order the file system has", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-c0-9]{1,3}$/), { minLength: 1, maxLength: 6 }), (names) => {
        const { paths } = listPictures(folderOf(Object.fromEntries(names.map((name) => [`k/${name}.png`, "rgb.png"]))));
        expect(paths.map((path) => path.split(/[\\/]/).at(-1))).toEqual(names.map((name) => `${name}.png`).sort());
      }),
      { numRuns: 20 },
    );
  });

  it("follows links to pictures and class folders, and does not go round in circles", () => {
    const root = folderOf({ "train/a/1.png": "rgb.png", "pool/2.png": "gray.png" });
    symlinkSync(join(root, "pool"), join(root, "train", "b"));
    symlinkSync(join(root, "pool", "2.png"), join(root, "train", "a", "2.png"));
    expect([...listPictures(join(root, "train")).labels]).toEqual([0, 0, 1]);
    symlinkSync(join(root, "train"), join(root, "train", "a", "round"));
    expect(() => listPictures(join(root, "train"))).toThrow(/a.round: a symbolic link to a folder/);
  });

  it("counts a link that leads nowhere as a picture that cannot be read", async () => {
    const root = folderOf({ "a/1.png": "rgb.png" });
    symlinkSync(join(root, "nowhere.png"), join(root, "a", "2.png"));
    symlinkSync(join(root, "a", "3.png"), join(root, "a", "3.png"));
    const { skipped } = await load(root, { corrupt: "skip" });
    expect(skipped).toEqual([
      expect.stringMatching(/2\.png: there is no such file/),
      expect.stringMatching(/3\.png: ELOOP/),
    ]);
  });

  it("refuses folders without pictures", () => {
    const root = folderOf({ "a/notes.txt": "make.py" });
    expect(() => listPictures(join(root, "none"))).toThrow(DataError);
    expect(() => listPictures(join(root, "none"))).toThrow(/none: there is no such folder$/);
    expect(() => listPictures(join(root, "a", "notes.txt"))).toThrow(/notes\.txt: it is a file, not a folder$/);
    expect(() => listPictures(join(root, "a"))).toThrow(/a: no class folders in it/);
    expect(() => listPictures(root)).toThrow(/: no pictures in its class folders/);
    copyFileSync(join(pictures, "rgb.png"), join(root, "a", "x.png"));
    expect(listPictures(root).paths).toHaveLength(1);
  });

  it("refuses options that are none", async () => {
    const folder = folderOf({ "a/notes.txt": "make.py" });
    const wrong: [object, RegExp][] = [
      [{ size: "8" as unknown as number }, /^size must be an integer in \[1, 16384\], got "8"/],
      [{ channels: 2 }, /^channels: got 2, expected one of 1, 3/],
      [{ resize: "fit" }, /^resize: got "fit", expected one of crop/],
      [{ corrupt: "ignore" }, /^corrupt: got "ignore", expected one of fail, skip/],
      [{ memoryBytes: Number.NaN }, /^memoryBytes must be/],
    ];
    for (const [more, message] of wrong) {
      await expect(loadImageFolder({ folder, size: 8, ...more })).rejects.toThrow(message);
    }
  });
});
