/** Arrays in files: IDX, CIFAR's records, NumPy's .npy and .npz. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { parseCifar10 } from "../../../src/data/cifar.js";
import { DataError } from "../../../src/data/dataset.js";
import { parseIdx } from "../../../src/data/idx.js";
import { type NpyArray, parseNpy } from "../../../src/data/npy.js";
import { parseNpz } from "../../../src/data/npz.js";
import { encodeIdx } from "../../data/encode-idx.js";
import { npyOf } from "../../data/encode-npy.js";
import { type Member, zip } from "../../data/encode-zip.js";
import { changedBytes } from "../bytes.js";
import { defineTarget, promise } from "../fuzz.js";
import type { Random } from "../random.js";

const fixtures = fileURLToPath(new URL("../../fixtures/arrays", import.meta.url));
const filesOf = (ending: string) =>
  readdirSync(fixtures)
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(`${fixtures}/${name}`))
    .filter((bytes) => bytes.length < 4096);

const elements = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);
const lengths = [0, 1, 1, 2, 3, 255, 65_536, 2 ** 31, 2 ** 32 - 1];
const shapeOf = (random: Random, most: number) =>
  Array.from({ length: random.below(most) }, () => random.pick(lengths));

const idxFiles = [
  encodeIdx([2, 3, 4], { length: 24 }),
  encodeIdx([5], [0, 1, 2, 3, 4]),
  gzipSync(encodeIdx([2, 2], [1, 2, 3, 4])),
  gzipSync(new Uint8Array(2000)),
];

export const idx = defineTarget({
  name: "idx",
  errors: [DataError],
  make(random) {
    if (!random.once(4)) return changedBytes(random, idxFiles);
    return encodeIdx(shapeOf(random, random.once(2) ? 5 : 256), { length: random.below(32) });
  },
  run(bytes) {
    const { shape, data } = parseIdx(bytes, "f");
    promise(data.length === elements(shape), `${data.length} bytes in [${shape.join()}]`);
  },
});

const record = (label: number) => Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? label : i % 251));
const cifarFiles = [record(3), Buffer.concat([record(0), record(9)]), new Uint8Array(3073)];

export const cifar = defineTarget({
  name: "cifar",
  errors: [DataError],
  make(random) {
    const file = random.pick(cifarFiles);
    if (!random.once(3)) return changedBytes(random, [file]);
    const bytes = Uint8Array.from(file); // of the right length
    bytes[3073 * random.below(bytes.length / 3073)] = random.below(256);
    return bytes;
  },
  run(bytes) {
    const { inputs, labels } = parseCifar10(bytes, "f");
    promise(inputs.length === labels.length * 3072 && bytes.length === labels.length * 3073, "counts differ");
    promise(
      labels.every((label) => label < 10),
      "a label out of range",
    );
  },
});

const npyFiles = filesOf(".npy");
const descrs = ["<f4", "|u1", "<i8", "|b1", ">f2", "|O", "<U3", "", "<f16", "=f8"];

/** A header that is Python, but not NumPy's. */
function madeNpy(random: Random): Uint8Array {
  const shape = shapeOf(random, random.once(4) ? 70 : 4);
  const tuple = `(${shape.join(random.once(20) ? ",, " : ", ")}${shape.length === 1 || random.once(10) ? "," : ""})`;
  const order = random.pick(["True", "False", "true", "0"]);
  const dict = `{'descr': '${random.pick(descrs)}', 'fortran_order': ${order}, 'shape': ${tuple}, }`;
  return npyOf(dict, new Uint8Array(random.pick([0, 1, 4, 8, 24])), random.pick([1, 2, 3]));
}

function checkNpy({ shape, data }: NpyArray, bytes: Uint8Array): void {
  promise(data.length === elements(shape), `${data.length} elements in [${shape.join()}]`);
  promise(data.length <= bytes.length, "more elements than bytes"); // of an archive that is not deflated
}

export const npy = defineTarget({
  name: "npy",
  errors: [DataError],
  make: (random) => (random.once(3) ? madeNpy(random) : changedBytes(random, npyFiles)),
  run: (bytes) => checkNpy(parseNpy(bytes, "f"), bytes),
});

const npzFiles = filesOf(".npz");
const memberNames = ["x.npy", "y.npy", "x.npy", "../x.npy", "/x.npy", "", "x", "__proto__.npy", "a\\b.npy"];

function madeNpz(random: Random): Uint8Array {
  const members = Array.from({ length: random.below(4) }, (): Member => {
    const content = random.once(2) ? madeNpy(random) : changedBytes(random, npyFiles);
    return {
      name: random.pick(memberNames),
      content,
      method: random.pick([0, 8, 8, 9]),
      encrypted: random.once(20),
      ...(random.once(8) ? { size: random.pick([0, 1, 2 ** 31, 2 ** 32 - 1]) } : {}),
    };
  });
  return zip(members);
}

export const npz = defineTarget({
  name: "npz",
  errors: [DataError],
  make: (random) => (random.once(3) ? madeNpz(random) : changedBytes(random, npzFiles)),
  async run(bytes) {
    const arrays = await parseNpz(bytes, "f");
    for (const { shape, data } of arrays.values()) promise(data.length === elements(shape), "another length");
  },
  quickCases: 10_000,
});
