/** Tensors and the states of runs. A state's checksum is right more often than not, so that what it seals is looked at. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DataError } from "../../../src/data/dataset.js";
import { decodeSafetensors, encodeSafetensors, type Tensor, type TensorFile } from "../../../src/data/safetensors.js";
import { sequential } from "../../../src/graph/builder.js";
import { flatten, linear } from "../../../src/layers/index.js";
import { crossEntropy } from "../../../src/losses/index.js";
import { adam } from "../../../src/optimizers/index.js";
import { restoreState, stateOf } from "../../../src/training/checkpoint.js";
import { decodeCheckpoint, seal } from "../../../src/training/checkpoint-seal.js";
import { createSession, type Session } from "../../../src/training/session.js";
import { changedBytes } from "../bytes.js";
import { defineTarget, promise } from "../fuzz.js";
import { JsonSeeds } from "../json.js";
import type { Random } from "../random.js";

const interop = readFileSync(fileURLToPath(new URL("../../fixtures/safetensors/interop.safetensors", import.meta.url)));
const floats = (...shape: number[]): Tensor => ({
  shape,
  values: new Float32Array(shape.reduce((product, extent) => product * extent, 1)),
});
const small = encodeSafetensors(
  new Map([
    ["0.weight", floats(2, 3)],
    ["0.bias", floats(2)],
  ]),
  { format: "pt" },
);

const headers = new JsonSeeds([
  { a: { dtype: "F32", shape: [2], data_offsets: [0, 8] }, b: { dtype: "U8", shape: [], data_offsets: [8, 9] } },
  { __metadata__: { format: "pt" }, a: { dtype: "BF16", shape: [2, 2], data_offsets: [0, 8] } },
]);

/** A header in JSON that says anything. */
function withHeader(random: Random): Uint8Array {
  const text = Buffer.from(json(headers.value(random)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(random.pick([0, 8, 9, 16]))]);
}

const json = (value: unknown) =>
  JSON.stringify(value, (_, part) => (typeof part === "bigint" ? Number(part) : part)) ?? "";

function checkTensors({ tensors }: TensorFile, bytes: Uint8Array): void {
  let total = 0;
  for (const { shape, values, dtype } of tensors.values()) {
    promise(values.length === shape.reduce((product, extent) => product * extent, 1), "another length");
    total += dtype === "F16" || dtype === "BF16" ? values.byteLength / 2 : values.byteLength;
  }
  promise(total <= bytes.length, "more bytes than are there");
}

export const safetensors = defineTarget({
  name: "safetensors",
  errors: [DataError],
  make: (random) => (random.once(2) ? withHeader(random) : changedBytes(random, [interop, small])),
  run: (bytes) => checkTensors(decodeSafetensors(bytes, "f"), bytes),
});

const metadata = {
  format: "hushgrad-state-2",
  step: "3",
  seconds: "1.5",
  slots: "2",
  ledgerSequence: "4",
  ledgerHash: "a".repeat(64),
  shared: "[]",
  thresholds: "[1]",
};
const names = ["model.", "optimizer.0.", "optimizer.1."];
const tensors = new Map(
  names.flatMap(
    (prefix) =>
      [
        [`${prefix}1.weight`, floats(2, 4)],
        [`${prefix}1.bias`, floats(2)],
      ] as const,
  ),
);
const numbers = ["0", "1", "2", "9007199254740993", `1${"0".repeat(400)}`, "4294967295", "-1", "1e308", "", "[1e309]"];
const extras = [
  { maskKey: "0".repeat(64), maskRefresh: "1", maskRate: "0.5" },
  { maskKey: "f".repeat(64), maskRefresh: "4294967297", maskRate: "0.999", maskFrom: "public" },
  { thresholds: "[1e-300]" },
  { thresholds: "[1,1]" },
  { shared: "[1e308]" },
  { __proto__: "x" },
];

function stateFile(random: Random): Uint8Array {
  const changed: Record<string, string> = { ...metadata, ...(random.once(2) ? random.pick(extras) : {}) };
  const changedTensors = new Map<string, Tensor>(tensors);
  for (let left = random.below(4); left > 0; left--) {
    const key = random.pick(Object.keys(changed));
    if (random.once(4)) delete changed[key];
    else
      changed[key] = random.once(3)
        ? Buffer.from(changedBytes(random, [Buffer.from(changed[key] ?? "")])).toString()
        : random.pick(numbers);
  }
  for (let left = random.below(3); left > 0; left--) {
    const name = random.pick([
      ...changedTensors.keys(),
      "mask.1.weight",
      "model.__proto__",
      "optimizer.0.x",
      "average.1.bias",
    ]);
    if (random.once(2)) changedTensors.delete(name);
    else
      changedTensors.set(
        name,
        random.pick([floats(2), floats(4, 2), floats(0), { shape: [2], values: new Uint8Array(2) }]),
      );
  }
  return encodeSafetensors(changedTensors, seal(changedTensors, changed));
}

const whole = encodeSafetensors(tensors, seal(tensors, metadata));
let session: Session | undefined;

export const checkpoint = defineTarget({
  name: "checkpoint",
  errors: [DataError],
  make: (random) => (random.once(4) ? changedBytes(random, [whole]) : stateFile(random)),
  run(bytes) {
    session ??= createSession(sequential([1, 2, 2], [flatten(), linear(2)]), {
      loss: crossEntropy(),
      optimizer: adam({ learningRate: 0.1 }),
      threads: 1,
    });
    const state = stateOf(decodeCheckpoint(bytes, "f"), "f");
    promise(Number.isSafeInteger(state.step) && Number.isFinite(state.seconds), "a step that is no number");
    promise(Number.isSafeInteger(state.mark.sequence), "a place in the ledger that is no number");
    restoreState(state, session);
  },
  quickCases: 10_000,
});
