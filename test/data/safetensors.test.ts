import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataError } from "../../src/data/dataset.js";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type Tensor,
  writeSafetensors,
} from "../../src/data/safetensors.js";

const interop = join(import.meta.dirname, "../fixtures/safetensors/interop.safetensors");

function file(header: string, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype = "F32") =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

describe("safetensors", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "hushgrad-safetensors-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("reads what the reference implementation wrote, every element type", () => {
    const { tensors, metadata } = readSafetensors(interop);
    const values = (name: string) => [...(tensors.get(name)?.values ?? [])];
    expect(metadata).toEqual({ format: "pt", note: "äöü" });
    expect(tensors.get("0.weight")?.shape).toEqual([2, 3]);
    expect(values("0.weight")).toEqual([0, 1, 2, 3, 4, 5].map((i) => Math.fround(i / 7)));
    expect(values("0.bias")).toEqual([Math.fround(1e-45), Math.fround(3.4028234663852886e38)]);
    expect(values("double")).toEqual([0.1, -1e300]);
    const infinity = Number.POSITIVE_INFINITY;
    expect(values("half")).toEqual([0, -0, 1, -1.5, 65504, 2 ** -24, -(2 ** -14), infinity, -infinity]);
    expect(values("brain")).toEqual([1, -2.5, 3.3895313892515355e38, 2 ** -133]);
    expect(values("whole")).toEqual([-(2 ** 31), 2 ** 31 - 1]);
    expect(values("bytes")).toEqual([0, 255, 7]);
    expect(tensors.get("scalar")).toMatchObject({ dtype: "F32", shape: [] });
    expect(tensors.get("empty")?.shape).toEqual([0, 4]);
    expect(tensors.size).toBe(9);
  });

  it("gives the reference implementation's tensors back once written and read again", () => {
    const { tensors, metadata } = readSafetensors(interop);
    const f32 = new Map([...tensors].filter(([, tensor]) => tensor.dtype !== "F16" && tensor.dtype !== "BF16"));
    const again = decodeSafetensors(encodeSafetensors(f32, metadata));
    expect(again.metadata).toEqual(metadata);
    for (const [name, tensor] of f32) expect(again.tensors.get(name)).toEqual(tensor);
  });

  it("gives back any tensors that were written, bit by bit", () => {
    const values = fc.oneof(
      fc.float32Array({ maxLength: 20 }),
      fc.float64Array({ maxLength: 20 }),
      fc.int32Array({ maxLength: 20 }),
      fc.uint8Array({ maxLength: 20 }),
    );
    const names = fc.string().filter((name) => name !== "__metadata__");
    fc.assert(
      fc.property(
        fc.dictionary(names, values),
        fc.dictionary(
          fc.string().filter((key) => key !== "__proto__"),
          fc.string(),
        ),
        (named, metadata) => {
          const tensors = new Map<string, Tensor>(
            Object.entries(named).map(([name, v]) => [name, { shape: [v.length], values: v }]),
          );
          const read = decodeSafetensors(encodeSafetensors(tensors, metadata));
          expect(read.metadata).toEqual({ ...metadata });
          expect(read.tensors.size).toBe(tensors.size);
          for (const [name, tensor] of tensors) expect(read.tensors.get(name)).toMatchObject(tensor);
        },
      ),
    );
  });

  it("answers any bytes with tensors or a DataError, nothing else", () => {
    const valid = encodeSafetensors(new Map([["w", { shape: [2, 2], values: new Float32Array(4) }]]), { a: "b" });
    const mutation = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      mutation.map((changes) => {
        const copy = valid.slice();
        for (const [at, value] of changes) copy[at] = value;
        return copy;
      }),
      fc.nat(valid.length).map((length) => valid.slice(0, length)),
      fc.tuple(fc.json(), fc.nat(40)).map(([header, length]) => file(header, length)),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          const { tensors } = decodeSafetensors(input);
          const total = [...tensors.values()].reduce((sum, tensor) => sum + tensor.shape.reduce((p, e) => p * e, 1), 0);
          expect(total).toBeLessThanOrEqual(input.length);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["too short", new Uint8Array(7), /at least 8/],
    ["header longer than the file", file("{}", 0).fill(9, 0, 1), /the file ends before that/],
    ["header beyond the bound", new Uint8Array(8).fill(255), /at most 100000000/],
    ["header that is no object", file("[]", 0), /not a JSON object/],
    ["header that is no JSON", file("{", 0), /not JSON/],
    [
      "overlap",
      file(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12),
      /begins at 4, but the tensors before it end at 8/,
    ],
    ["gap", file(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12), /begins at 8, but the tensors before it end at 4/],
    ["data left over", file(`{"a":${entry(0, 4)}}`, 8), /take 4 bytes, but 8 follow/],
    ["data missing", file(`{"a":${entry(0, 8)}}`, 4), /take 8 bytes, but 4 follow/],
    ["shape against offsets", file(`{"a":${entry(0, 8, [3])}}`, 8), /takes 12 bytes, its offsets span 8/],
    ["shape that overflows", file(`{"a":${entry(0, 8, [2 ** 52, 2 ** 52])}}`, 8), /its offsets span 8/],
    ["negative extent", file(`{"a":${entry(0, 4, [-1])}}`, 4), /tensor 'a': shape\.0/],
    ["offsets reversed", file(`{"a":${entry(4, 0)}}`, 4), /tensor 'a'/],
    ["unknown dtype", file(`{"a":${entry(0, 8, [1], "C64")}}`, 8), /dtype C64 is not read; allowed are F64/],
    ["dtype of the prototype", file(`{"a":${entry(0, 8, [1], "toString")}}`, 8), /dtype toString is not read/],
    ["metadata that is no table", file('{"__metadata__":{"a":1}}', 0), /__metadata__ is not a table of strings/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, "x.safetensors")).toThrow(message);
    expect(() => decodeSafetensors(bytes, "x.safetensors")).toThrow(/^x\.safetensors: /);
  });

  it("refuses to write values that do not fill the shape, and the reserved name", () => {
    const values = new Float32Array(3);
    expect(() => encodeSafetensors(new Map([["w", { shape: [2], values }]]))).toThrow(/holds 2 values, got 3/);
    expect(() => encodeSafetensors(new Map([["__metadata__", { shape: [3], values }]]))).toThrow(/reserved/);
  });

  it("replaces a file whole, and leaves no temporary one behind", () => {
    const path = join(folder, "model.safetensors");
    writeSafetensors(path, new Map([["w", { shape: [1], values: new Float32Array([1]) }]]));
    writeSafetensors(path, new Map([["w", { shape: [1], values: new Float32Array([2]) }]]));
    expect([...(readSafetensors(path).tensors.get("w")?.values ?? [])]).toEqual([2]);
    expect(readdirSync(folder)).toEqual(["model.safetensors"]);
  });

  it("names the file that it cannot read", () => {
    const path = join(folder, "missing.safetensors");
    expect(() => readSafetensors(path)).toThrow(/missing\.safetensors: cannot be read: there is no such file$/);
    expect(() => readSafetensors(folder)).toThrow(`${folder}: cannot be read: it is a folder, not a file`);
    writeFileSync(path, "{}");
    expect(() => readSafetensors(path)).toThrow(/missing\.safetensors: has 2 bytes/);
  });
});
