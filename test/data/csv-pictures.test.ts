import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CsvPicturesOptions, loadCsvPictures } from "../../src/data/csv-pictures.js";
import { DataError, type Dataset } from "../../src/data/dataset.js";
import { readSafetensors } from "../../src/data/safetensors.js";
import { loadData } from "../../src/training/data-config.js";
import { tinyConfig } from "../training/tiny.js";
import { folderOf, pictures } from "./pictures.js";

const { tensors } = readSafetensors(join(pictures, "expected.safetensors"));
const pixelsOf = (fixture: string) => Array.from(tensors.get(fixture)?.values ?? []);
const raw = { mean: 0, std: 1, divisor: 1 };

/** A folder with pictures `a.png` (RGB) and `more/b.png` (gray), and the list. */
function listOf(csv: string | Uint8Array): string {
  const folder = folderOf({ "a.png": "rgb.png", "more/b.png": "gray.png" });
  writeFileSync(join(folder, "list.csv"), csv);
  return join(folder, "list.csv");
}

const load = (csv: string | Uint8Array, options: Partial<CsvPicturesOptions> = {}) =>
  loadCsvPictures({ file: listOf(csv), size: [5, 7], normalization: raw, ...options });

async function read(dataset: Dataset) {
  const stride = 3 * 5 * 7;
  const inputs = new Float32Array(dataset.size * stride);
  const targets = new Int32Array(dataset.size);
  await dataset.read([...targets.keys()], inputs, targets);
  return { labels: [...targets], rows: [...targets].map((_, i) => [...inputs.subarray(i * stride, (i + 1) * stride)]) };
}

const both = { labels: [3, 0], rows: [pixelsOf("rgb.png"), pixelsOf("gray.png")] };

describe("loadCsvPictures", () => {
  it.each([
    ["path,label\na.png,3\nmore/b.png,0\n", {}],
    ["\ufeffid,label,path\r\n1,3,a.png\r\n2,0,more/b.png", {}],
    [
      '"file ""name""";finding\n\na.png;3\n"more/b.png";0\n\n',
      { pathColumn: 'file "name"', labelColumn: "finding", delimiter: ";" },
    ],
    ["path,label\na.png,dog\nmore/b.png,a cat\n", { classes: ["a cat", "bird", "fish", "dog"] }],
    ["__proto__,path,label,constructor\n,a.png,3,\n,./more/b.png,0,\n", {}],
    ["path,label\na.png,3\nmore/b.png,0\n", { memoryBytes: 0 }],
  ])("reads %j", async (csv, options) => {
    const { dataset, skipped } = await load(csv, options);
    expect([dataset.size, dataset.inputShape, skipped]).toEqual([2, [3, 5, 7], []]);
    expect(await read(dataset)).toEqual(both);
  });

  it("takes absolute paths too", async () => {
    const { dataset } = await load(`path,label\n${join(pictures, "rgb.png")},3\nmore/b.png,0\n`);
    expect(await read(dataset)).toEqual(both);
  });

  it("names the line of whatever is wrong with a picture, and leaves it out where told to", async () => {
    const csv = 'path,label\na.png,3\nnone.png,1\n"x\ny.png",1\na.png,dog\na.png,-1\n,2\nlist.csv,2\nmore/b.png,0\n';
    const reasons = [
      /list\.csv, line 3: .*none\.png: there is no such file$/,
      /list\.csv, line 5: .*x\ny\.png: there is no such file$/,
      /list\.csv, line 6: label "dog", a number from 0 on expected$/,
      /list\.csv, line 7: label "-1", a number/,
      /list\.csv, line 8: an empty path$/,
      /list\.csv, line 9: .*list\.csv: not a JPEG, PNG/,
    ];
    await expect(load(csv)).rejects.toThrow(DataError);
    await expect(load(csv)).rejects.toThrow(
      /^6 pictures cannot be read; "corrupt": "skip" leaves such out:\n .*line 3: /,
    );
    const { dataset, skipped } = await load(csv, { corrupt: "skip" });
    expect(skipped).toEqual(reasons.map((reason) => expect.stringMatching(reason)));
    expect(await read(dataset)).toEqual(both);
    await expect(load("path,label\na.png,cow\n", { classes: ["dog"], corrupt: "skip" })).rejects.toThrow(/none of 1/);
  });

  it.each([
    ["", /list\.csv: an empty file$/],
    ["\n\n", /list\.csv: no line with the columns' names in it$/],
    ["path,label\n", /list\.csv: no pictures in it, only the columns' names$/],
    ["file,label\na.png,3\n", /list\.csv: no column "path", but "file", "label"$/],
    ["path,path,label\na.png,b.png,3\n", /list\.csv: more than one column "path", but "path", "path", "label"$/],
    ["path,label\na.png,3\na.png\n", /list\.csv: Invalid Record Length: .* on line 3/],
    ['path,label\n"a.png,3\n', /list\.csv: Quote Not Closed: .*line 2/],
    [`path,label\n${"a".repeat(70_000)},3\n`, /list\.csv: Max Record Size: .*line 2/],
  ])("refuses the list %j", async (csv, message) => {
    await expect(load(csv, { corrupt: "skip" })).rejects.toThrow(DataError);
    await expect(load(csv, { corrupt: "skip" })).rejects.toThrow(message);
  });

  it("names a list that is not there", async () => {
    await expect(loadCsvPictures({ file: "/nowhere/list.csv", size: 8 })).rejects.toThrow(
      "/nowhere/list.csv: there is no such file",
    );
  });

  it("survives any bytes: pictures, or a DataError", async () => {
    const pieces = fc.constantFrom("path", "label", ",", "\n", '"', "a.png", "3", "\r", "\0", "é", "__proto__", " ");
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 24 }), async (parts) => {
        try {
          const { dataset } = await load(parts.join(""), { corrupt: "skip", size: 2 });
          expect(dataset.size).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("data of format csv", () => {
  const config = (changes: object) =>
    tinyConfig({ data: { format: "csv", train: "list.csv", size: 4, ...changes } }).data;

  it("reads its splits, relative to the configuration", async () => {
    const list = listOf("path,label\na.png,1\nmore/b.png,0\n");
    const folder = join(list, "..");
    writeFileSync(join(folder, "more", "test.csv"), "path,label\nb.png,0\n../none.png,0\n");
    const data = config({ test: "more/test.csv", corrupt: "skip" });
    const { train, test, skipped } = await loadData(data, folder);
    expect([train.size, test?.size]).toEqual([2, 1]);
    expect(skipped).toEqual([expect.stringMatching(/test\.csv, line 3: .*none\.png: there is no such file$/)]);
    expect((await loadData(config({}), folder)).test).toBeUndefined();
  });

  it.each([
    [{ delimiter: "ab" }, /data\.delimiter: got "ab"; allowed: one character/],
    [{ classes: [] }, /data\.classes: got \[\]; allowed: at least one/],
    [{ classes: ["a", "a"] }, /data\.classes: got \["a","a"\]; allowed: names that differ/],
    [{ columns: {} }, /unknown key 'columns'/],
  ])("checks %j", (changes, message) => {
    expect(() => config(changes)).toThrow(message);
  });
});
