import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../../src/data/dataset.js";
import { IdxError, idxDataset, parseIdx, readIdx } from "../../src/data/idx.js";
import { encodeIdx } from "./encode-idx.js";

const good = encodeIdx([2, 2, 3], [0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]);

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof IdxError) return error.code;
    throw error;
  }
  return "none";
}

describe("parseIdx", () => {
  it("reads shape and elements, plain and gzipped", () => {
    for (const bytes of [good, gzipSync(good)]) {
      const { shape, data } = parseIdx(bytes, "f");
      expect(shape).toEqual([2, 2, 3]);
      expect([...data]).toEqual([0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]);
    }
  });

  it.each([
    ["no bytes", new Uint8Array(0), "truncated"],
    ["half a header", good.subarray(0, 9), "truncated"],
    ["a missing last byte", good.subarray(0, good.length - 1), "truncated"],
    ["a byte too many", Uint8Array.from([...good, 0]), "too-long"],
    ["another format", new TextEncoder().encode("\x89PNG and so on"), "wrong-magic"],
    ["floats", Uint8Array.from([0, 0, 0x0d, 1, 0, 0, 0, 0]), "wrong-type"],
    ["no dimensions", Uint8Array.from([0, 0, 8, 0]), "wrong-magic"],
    [
      "dimensions whose product overflows",
      Uint8Array.from([0, 0, 8, 4, ...Array.from({ length: 16 }, () => 0xff)]),
      "truncated",
    ],
    ["a cut gzip file", gzipSync(good).subarray(0, 20), "bad-gzip"],
  ])("refuses %s", (_, bytes, code) => {
    expect(codeOf(() => parseIdx(bytes, "f"))).toBe(code);
  });

  it("inflates no more than the header says", () => {
    const bomb = gzipSync(Buffer.concat([encodeIdx([2, 2], [1, 2, 3, 4]), Buffer.alloc(2 ** 25)]));
    expect(() => parseIdx(bomb, "f")).toThrow("f: header says [2, 2] = 4 bytes, more are there");
    expect(codeOf(() => parseIdx(bomb, "f"))).toBe("too-long");
    const boast = gzipSync(Buffer.concat([encodeIdx([2 ** 31], []), Buffer.alloc(2 ** 20)]));
    expect(() => parseIdx(boast, "f")).toThrow(
      `f: header says [2147483648] = 2147483648 bytes, ${boast.length} bytes of gzip hold fewer`,
    );
    const cut = gzipSync(encodeIdx([2 ** 16], { length: 2 ** 16 })).subarray(0, -9);
    expect(codeOf(() => parseIdx(cut, "f"))).toBe("bad-gzip");
  });

  it("reads what is longer than the part that is looked at for the header", () => {
    const noise = Uint8Array.from({ length: 40_000 }, (_, i) => Math.imul(i * i + 1, 0x9e3779b1) >>> 24);
    const { data } = parseIdx(gzipSync(encodeIdx([200, 200], noise)), "f");
    expect(Buffer.from(data).equals(noise)).toBe(true);
  });

  it("names the file", () => {
    expect(() => parseIdx(good.subarray(0, 10), "pictures.idx")).toThrow(/^pictures\.idx: /);
    expect(codeOf(() => readIdx("/nowhere/at/all"))).toBe("unreadable");
    expect(() => readIdx("/nowhere/at/all")).toThrow(/^\/nowhere\/at\/all: there is no such file$/);
    expect(() => readIdx("test")).toThrow(/^test: it is a folder, not a file$/);
  });

  it("survives any corruption: the elements, or an IdxError", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255), cut: fc.nat(good.length) }).map(({ at, to, cut }) => {
        const changed = good.slice();
        changed[at] = to;
        return changed.slice(0, cut);
      }),
      fc.record({ at: fc.nat(30), to: fc.nat(255) }).map(({ at, to }) => {
        const zipped = Uint8Array.from(gzipSync(good));
        zipped[at] = to;
        return zipped;
      }),
    );
    fc.assert(
      fc.property(bytes, (candidate) => {
        try {
          const { shape, data } = parseIdx(candidate, "f");
          expect(data.length).toBe(shape.reduce((product, length) => product * length, 1));
        } catch (error) {
          expect(error).toBeInstanceOf(IdxError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("round-trips arrays of any shape", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }), fc.boolean(), (shape, zip) => {
        const count = shape.reduce((product, length) => product * length, 1);
        const values = Array.from({ length: count }, (_, i) => (i * 37) % 256);
        const bytes = encodeIdx(shape, values);
        const read = parseIdx(zip ? gzipSync(bytes) : bytes, "f");
        expect(read.shape).toEqual(shape);
        expect([...read.data]).toEqual(values);
      }),
    );
  });
});

describe("idxDataset", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "hushgrad-idx-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const write = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  it("gives pictures of [H, W] one channel and normalises", () => {
    const dataset = idxDataset(write("a", good), write("b", encodeIdx([2], [7, 3])), { mean: 0.5, std: 0.25 });
    expect(dataset.size).toBe(2);
    expect(dataset.inputShape).toEqual([1, 2, 3]);
    expect(dataset.classes).toBe(8);
    const inputs = new Float32Array(6);
    const targets = new Int32Array(1);
    dataset.read([1], inputs, targets);
    expect([...targets]).toEqual([3]);
    expect(inputs[0]).toBeCloseTo((250 / 255 - 0.5) / 0.25, 6);
    expect(inputs[5]).toBeCloseTo((1 - 0.5) / 0.25, 6);
  });

  it("refuses files that do not belong together", () => {
    const images = write("c", good);
    expect(codeOf(() => idxDataset(images, write("d", encodeIdx([3], [1, 2, 3]))))).toBe("counts-differ");
    expect(codeOf(() => idxDataset(images, images))).toBe("wrong-magic");
    expect(codeOf(() => idxDataset(write("e", encodeIdx([2], [1, 2])), images))).toBe("wrong-magic");
  });

  it("refuses an index outside, an array too short or of the wrong kind, and an impossible normalisation", () => {
    const labels = write("g", encodeIdx([2], [7, 3]));
    const images = write("f", good);
    const dataset = idxDataset(images, labels);
    const read = (indices: number[], floats: number, targets: Int32Array | Float32Array) => () =>
      dataset.read(indices, new Float32Array(floats), targets);
    expect(read([2], 6, new Int32Array(1))).toThrow(DataError);
    expect(read([-1], 6, new Int32Array(1))).toThrow(/indices: -1 given, 0 … 1 allowed/);
    expect(read([0.5], 6, new Int32Array(1))).toThrow(DataError);
    expect(read([0, 1], 11, new Int32Array(2))).toThrow(/inputs: 11 floats/);
    expect(read([0, 1], 12, new Int32Array(1))).toThrow(/targets: 1 elements/);
    expect(read([0], 6, new Float32Array(1))).toThrow(/Int32Array/);
    expect(() => idxDataset(images, labels, { mean: 0, std: 0 })).toThrow(/std: 0 given/);
  });
});
