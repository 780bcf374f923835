import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError } from "../../src/data/dataset.js";
import { readNpz } from "../../src/data/npz.js";
import { temporaryFolder } from "../training/tiny.js";
import { encodeNpy } from "./encode-npy.js";
import { zip } from "./encode-zip.js";

const arrays = fileURLToPath(new URL("../fixtures/arrays", import.meta.url));
const fixture = (name: string) => join(arrays, `${name}.npz`);

const pictures = { shape: [3, 2, 4], dtype: "uint8", data: Uint8Array.from({ length: 24 }, (_, i) => i) };
const labels = { shape: [3], dtype: "int64", data: BigInt64Array.of(2n, 0n, 1n) };

function written(bytes: Uint8Array): string {
  const path = join(temporaryFolder(), "a.npz");
  writeFileSync(path, bytes);
  return path;
}

const good = encodeNpy([2], Int32Array.of(5, 6));

describe("readNpz", () => {
  it.each(["stored", "deflated", "zip64"])("reads what NumPy wrote, %s", async (name) => {
    const found = await readNpz(fixture(name), ["y", "x"]);
    expect([...found.keys()].sort()).toEqual(["x", "y"]);
    expect(found.get("x")).toEqual(pictures);
    expect(found.get("y")).toEqual(labels);
  });

  it("reads all arrays where no names are given, and nothing else", async () => {
    expect([...(await readNpz(fixture("stored"))).keys()]).toEqual(["x", "y", "extra"]);
    const archive = zip([
      { name: "notes.txt", content: good },
      { name: "a/b.npy", content: good, method: 0 },
    ]);
    expect([...(await readNpz(written(archive)))]).toEqual([
      ["a/b", { shape: [2], dtype: "int32", data: Int32Array.of(5, 6) }],
    ]);
  });

  it("looks at no array that was not asked for", async () => {
    const archive = zip([
      { name: "bad.npy", content: new Uint8Array(3), checksum: 1 },
      { name: "good.npy", content: good },
    ]);
    expect([...(await readNpz(written(archive), ["good"])).keys()]).toEqual(["good"]);
    await expect(readNpz(written(archive))).rejects.toThrow(/a\.npz, array "bad": its checksum differs/);
  });

  it.each([
    ["no zip file", good, /a\.npz: .*not a zip file/i],
    ["no bytes", new Uint8Array(0), /a\.npz: .*not a zip file/i],
    ["a cut file", readFileSync(fixture("deflated")).subarray(0, 400), /a\.npz: /],
    ["another checksum", zip([{ name: "x.npy", content: good, checksum: 7 }]), /array "x": its checksum differs/],
    ["more bytes than it says", zip([{ name: "x.npy", content: good, size: 5 }]), /array "x": too many bytes/],
    ["fewer bytes than it says", zip([{ name: "x.npy", content: good, size: 500 }]), /array "x": not enough bytes/],
    ["another method", zip([{ name: "x.npy", content: good, method: 12 }]), /array "x": .*compression method: 12/],
    ["a secret", zip([{ name: "x.npy", content: good, encrypted: true }]), /array "x": .*encrypted/],
    ["a path upwards", zip([{ name: "../x.npy", content: good }]), /a\.npz: invalid relative path: \.\.\/x\.npy/],
    [
      "a name twice",
      zip([
        { name: "x.npy", content: good },
        { name: "x.npy", content: good },
      ]),
      /a\.npz: holds two arrays "x"$/,
    ],
    ["too large an array", zip([{ name: "x.npy", content: good, size: 2 ** 31 }]), /array "x": 2147483648 bytes, at m/],
    [
      "another format inside",
      zip([{ name: "x.npy", content: Buffer.from("hello") }]),
      /array "x": does not start with/,
    ],
  ])("refuses %s", async (_, bytes, message) => {
    const path = written(bytes);
    await expect(readNpz(path)).rejects.toThrow(DataError);
    await expect(readNpz(path)).rejects.toThrow(message);
  });

  it("names arrays and files that are not there", async () => {
    await expect(readNpz(fixture("stored"), ["x", "z"])).rejects.toThrow(
      /stored\.npz: no array "z" in it, but "x", "y", "extra"$/,
    );
    await expect(readNpz(written(zip([])), ["z"])).rejects.toThrow(/no array "z" in it, but none at all$/);
    await expect(readNpz(fixture("none"))).rejects.toThrow(/none\.npz: there is no such file$/);
    await expect(readNpz(arrays)).rejects.toThrow(/arrays: it is a folder, not a file$/);
  });

  it("does not inflate a bomb further than its entry says", async () => {
    const bomb = zip([{ name: "x.npy", content: new Uint8Array(2 ** 26), size: 100 }]);
    expect(bomb.length).toBeLessThan(2 ** 17);
    await expect(readNpz(written(bomb))).rejects.toThrow(/array "x": too many bytes/);
  });

  it("inflates a header alone of an array whose entry says more than it", async () => {
    const bomb = zip([{ name: "x.npy", content: Buffer.concat([good, Buffer.alloc(2 ** 26)]) }]);
    await expect(readNpz(written(bomb))).rejects.toThrow(
      `array "x": the header says ${good.length} bytes, ${good.length + 2 ** 26} are there`,
    );
    const large = encodeNpy([70_000], new Uint8Array(70_000).fill(3));
    const found = (await readNpz(written(zip([{ name: "x.npy", content: large }])))).get("x");
    expect(found?.data).toEqual(new Uint8Array(70_000).fill(3));
  });

  it("survives any damage: the arrays, or a DataError", async () => {
    const path = join(temporaryFolder(), "a.npz");
    const original = readFileSync(fixture("zip64"));
    const damage = fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(damage, fc.nat(original.length), async (changes, cut) => {
        const bytes = Uint8Array.from(original);
        for (const [at, to] of changes) bytes[at] = to;
        writeFileSync(path, cut % 3 === 0 ? bytes.subarray(0, cut) : bytes);
        try {
          const found = await readNpz(path);
          if (found.has("x")) expect(found.get("x")).toEqual(pictures); // for its checksum holds
        } catch (error) {
          refused++;
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(50);
  });
});
