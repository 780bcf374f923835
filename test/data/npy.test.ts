import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError } from "../../src/data/dataset.js";
import { parseNpy, readNpy } from "../../src/data/npy.js";
import { temporaryFolder } from "../training/tiny.js";
import { encodeNpy, npyOf } from "./encode-npy.js";

const arrays = fileURLToPath(new URL("../fixtures/arrays", import.meta.url));
const fixture = (name: string) => readNpy(join(arrays, `${name}.npy`));

/** See test/fixtures/arrays/make.py. */
const integers = (bits: number, signed: boolean): bigint[] => {
  const most = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  const least = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  return Array.from({ length: 24 }, (_, i) => (i < 12 ? least + BigInt(i) : most - BigInt(23 - i)));
};
const small = (bits: number, signed: boolean) => integers(bits, signed).map(Number);
const floats = Array.from(
  { length: 24 },
  (_, i) => [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][i - 21] ?? (i - 12) / 8,
);

const types = [
  ["b1", "bool", Uint8Array, Array.from({ length: 24 }, (_, i) => (i % 3 === 0 ? 1 : 0))],
  ["u1", "uint8", Uint8Array, small(8, false)],
  ["i1", "int8", Int8Array, small(8, true)],
  ["u2", "uint16", Uint16Array, small(16, false)],
  ["i2", "int16", Int16Array, small(16, true)],
  ["u4", "uint32", Uint32Array, small(32, false)],
  ["i4", "int32", Int32Array, small(32, true)],
  ["u8", "uint64", BigUint64Array, integers(64, false)],
  ["i8", "int64", BigInt64Array, integers(64, true)],
  ["f2", "float16", Float32Array, floats],
  ["f4", "float32", Float32Array, floats],
  ["f8", "float64", Float64Array, floats],
] as const;

describe("arrays that NumPy wrote", () => {
  it.each(types)("of %s, in C and Fortran order and big-endian", async (code, dtype, type, values) => {
    for (const name of [code, `${code}-fortran`, `${code}-big`]) {
      const array = await fixture(name);
      expect(array.shape).toEqual([2, 3, 4]);
      expect(array.dtype).toBe(dtype);
      expect(array.data).toBeInstanceOf(type);
      expect([...array.data]).toEqual(values);
    }
  });

  it("of versions 2 and 3, of one number and of none", async () => {
    for (const name of ["version-2", "version-3"]) {
      expect(await fixture(name)).toEqual({ shape: [2, 3], dtype: "int32", data: Int32Array.of(0, 1, 2, 3, 4, 5) });
    }
    expect(await fixture("number")).toEqual({ shape: [], dtype: "float32", data: Float32Array.of(2.5) });
    expect(await fixture("nothing")).toEqual({ shape: [3, 0, 2], dtype: "float32", data: new Float32Array(0) });
  });

  it.each([
    ["text", /text\.npy: elements of type "<U2"; read are b1, u1, .*f8 after < or >$/],
    ["record", /record\.npy: the header at byte 10 has "\[\(.*a string \(records of several fields are not read\) exp/],
    ["object", /object\.npy: elements of type "\|O"; read are/],
  ])("not of %s", async (name, message) => {
    await expect(fixture(name)).rejects.toThrow(DataError);
    await expect(fixture(name)).rejects.toThrow(message);
  });
});

const good = encodeNpy([2, 3], Int16Array.of(1, -2, 3, -4, 5, -6));
const dict = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }";
const twelve = new Uint8Array(12);

describe("parseNpy", () => {
  it.each([
    ["nothing", new Uint8Array(0), /^f: does not start with/],
    ["another format", new TextEncoder().encode("PK\x03\x04 and so on"), /^f: does not start with "\\x93NUMPY"/],
    ["version 4", npyOf(dict, twelve, 4), /^f: version 4\.0 at byte 6, 1\.0, 2\.0 and 3\.0 are read$/],
    ["no version", good.subarray(0, 6), /^f: version –\.– at byte 6/],
    ["half a length", good.subarray(0, 9), /^f: ends after 9 bytes, within the header's length$/],
    ["half a header", good.subarray(0, 40), /^f: ends after 40 bytes, within the header, which has \d+$/],
    ["a long header", npyOf(`${" ".repeat(70_000)}${dict}`, twelve, 2), /^f: a header of 70060 bytes, at most 65535/],
    ["a byte too few", good.subarray(0, good.length - 1), /^f: the header says \[2, 3\] of int16 = 12 bytes, 11 are/],
    [
      "a byte too many",
      Uint8Array.from([...good, 0]),
      /^f: the header says \[2, 3\] of int16 = 12 bytes, 13 are there$/,
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parseNpy(bytes, "f")).toThrow(DataError);
    expect(() => parseNpy(bytes, "f")).toThrow(message);
  });

  it.each([
    ["(9999999999999999, 9999999999999999)", /the header says \[.*\] of int16 = 2e\+32 bytes, 12 are there/],
    [`(${"9999999999999999, ".repeat(60)}0)`, /the header says .* = NaN bytes, 12 are there/],
    [`(${"1, ".repeat(65)})`, /has more than 64 dimensions/],
    ["(6)", /has the shape \(6\), which is no tuple/],
    ["(-6,)", /has "-6,\), }\\n" at character 51, a whole number expected/],
    ["(6.0,)", /a whole number|',' or '\)' expected/],
    ["(2*3,)", /has "\*3,\), }\\n" at character 52, ',' or '\)' expected/],
    ["(0x6,)", /a whole number expected/],
    ["[6]", /has "\[6\], }\\n" at character 50, '\(' expected/],
    ["(99999999999999999,)", /a whole number expected/],
    ["(__import__('os').system('true'),)", /a whole number expected/],
    ["(6,", /has ", }\\n" at character/],
  ])("refuses the shape %s", (shape, message) => {
    const header = `{'descr': '<i2', 'fortran_order': False, 'shape': ${shape}, }`;
    expect(() => parseNpy(npyOf(header, twelve), "f")).toThrow(DataError);
    expect(() => parseNpy(npyOf(header, twelve), "f")).toThrow(message);
  });

  it.each([
    ["{'descr': '<i2', 'shape': (6,), }", /the header at byte 10 has no key 'fortran_order'$/],
    ["{'descr': '<i2', 'descr': '<i4', 'fortran_order': False, 'shape': (6,)}", /repeats key "descr"/],
    ["{'descr': '<i2', 'fortran_order': False, 'shape': (6,), 'more': 1}", /has an unknown key "more"/],
    ["{'toString': '<i2', 'fortran_order': False, 'shape': (6,)}", /has an unknown key "toString"/],
    ["{'descr': '<i2', 'fortran_order': 0, 'shape': (6,)}", /at character 34, True or False expected/],
    ["{'descr': '<i2' 'fortran_order': False, 'shape': (6,)}", /',' or '}' expected/],
    ["{'descr': '<i2', 'fortran_order': False, 'shape': (6,)} or 1", /has "or 1\\n" at character 56, the end exp/],
    ["{'descr': '<\\x692', 'fortran_order': False, 'shape': (6,)}", /a string .* expected/],
    ["{'descr': '=i2', 'fortran_order': False, 'shape': (6,)}", /elements of type "=i2"/],
    ["{'descr': '|i2', 'fortran_order': False, 'shape': (6,)}", /elements of type "\|i2"/],
    ["{'descr': '<constructor', 'fortran_order': False, 'shape': (6,)}", /elements of type "<constructor"/],
    ["{'descr': '', 'fortran_order': False, 'shape': (6,)}", /elements of type ""/],
    ["", /has "" at character \d+, '{' expected/],
    [`${"{".repeat(60_000)}`, /a string .* expected/],
  ])("refuses the header %s", (header, message) => {
    expect(() => parseNpy(npyOf(header, twelve), "f")).toThrow(DataError);
    expect(() => parseNpy(npyOf(header, twelve), "f")).toThrow(message);
  });

  it.each([
    '{"shape": (2L, 3L), "fortran_order": False, "descr": "<i2"}',
    "\t{ 'fortran_order':False,'shape':(2,3,),'descr':'<i2' , }   ",
  ])("takes %s", (header) => {
    expect(parseNpy(npyOf(header, good.subarray(-12)), "f").data).toEqual(Int16Array.of(1, -2, 3, -4, 5, -6));
  });

  it("brings any array in Fortran order into C order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 5 }), (shape) => {
        const count = shape.reduce((product, length) => product * length, 1);
        const place = (index: number): number => {
          let from = 0;
          let rest = index;
          for (let axis = shape.length - 1; axis >= 0; axis--) {
            const length = shape[axis] as number;
            from += (rest % length) * shape.slice(0, axis).reduce((product, other) => product * other, 1);
            rest = Math.floor(rest / length);
          }
          return from;
        };
        const file = Uint8Array.from({ length: count }, (_, i) => (i * 37) % 251);
        const tuple = `(${shape.map((length) => `${length},`).join("")})`;
        const bytes = npyOf(`{'descr': '|u1', 'fortran_order': True, 'shape': ${tuple}}`, file);
        const expected = Array.from({ length: count }, (_, i) => file[place(i)]);
        expect([...parseNpy(bytes, "f").data]).toEqual(expected);
      }),
    );
  });

  it("survives any damage: as many elements as the shape says, or a DataError", () => {
    const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    let refused = 0;
    fc.assert(
      fc.property(damage, fc.nat(good.length), (changes, cut) => {
        const bytes = good.slice();
        for (const [at, to] of changes) bytes[at] = to;
        try {
          const { shape, data } = parseNpy(cut % 3 === 0 ? bytes.subarray(0, cut) : bytes, "f");
          expect(data.length).toBe(shape.reduce((product, length) => product * length, 1));
        } catch (error) {
          refused++;
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 1000 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});

describe("readNpy", () => {
  it("names what it cannot read", async () => {
    const folder = temporaryFolder();
    await expect(readNpy(join(folder, "none.npy"))).rejects.toThrow(/none\.npy: there is no such file$/);
    await expect(readNpy(folder)).rejects.toThrow(/: it is a folder, not a file$/);
    const long = join(folder, "long.npy");
    writeFileSync(long, good);
    truncateSync(long, 2 ** 31); // sparse
    await expect(readNpy(long)).rejects.toThrow(/long\.npy: 2147483648 bytes, at most 2147483647 are read$/);
  });
});
