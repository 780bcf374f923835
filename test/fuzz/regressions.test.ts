/** What fuzzing found, each once by hand. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DataError } from "../../src/data/dataset.js";
import { IdxError, parseIdx } from "../../src/data/idx.js";
import { readNpz } from "../../src/data/npz.js";
import { encodeSafetensors } from "../../src/data/safetensors.js";
import { modelFromJSON } from "../../src/layers/model-json.js";
import { wideResnet } from "../../src/models/index.js";
import { type LedgerBody, parseLedger } from "../../src/privacy/ledger.js";
import { stateOf } from "../../src/training/checkpoint.js";
import { decodeCheckpoint, seal } from "../../src/training/checkpoint-seal.js";
import { parseConfig } from "../../src/training/config.js";
import { encodeIdx } from "../data/encode-idx.js";
import { chain, row, startOf } from "../training/ledgers.js";
import { temporaryFolder, tinyConfig } from "../training/tiny.js";

function nested(levels: number): unknown {
  let value: unknown = {};
  for (let i = 0; i < levels; i++) value = { a: value };
  return value;
}

describe("what fuzzing found", () => {
  it("IDX: a product of sizes that is no number fits no file", () => {
    const shape = [...Array.from({ length: 40 }, () => 2 ** 32 - 1), 0];
    expect(() => parseIdx(encodeIdx(shape, [1, 2, 3]), "f")).toThrow(IdxError);
  });

  it.each(["4294967295", "17", "9007199254740993", `1${"0".repeat(400)}`])("state: %s optimizer buffers", (slots) => {
    const metadata = {
      format: "hushgrad-state-2",
      step: "1",
      seconds: "1",
      slots,
      ledgerSequence: "1",
      ledgerHash: "a",
    };
    const bytes = encodeSafetensors(new Map(), seal(new Map(), metadata));
    expect(() => stateOf(decodeCheckpoint(bytes, "f"), "f")).toThrow(/^f: metadata slots: /);
  });

  it("configuration: nested without end, or of a kind that JSON cannot show", () => {
    expect(() => parseConfig({ model: "mlp", data: nested(50_000) })).toThrow("more than 64 levels");
    const cyclic: Record<string, unknown> = {};
    cyclic.data = cyclic;
    expect(() => parseConfig(cyclic)).toThrow("more than 64 levels");
    expect(() => tinyConfig({ samplingRate: 1n })).toThrow(/samplingRate: got "1n"; allowed/);
    expect(() => modelFromJSON({ inputShape: [2], layers: [1n] })).toThrow(/got "1n"/);
    const groups = JSON.parse('{"constructor": null}') as object;
    expect(() => tinyConfig({ clipping: { style: "groups", groups } })).toThrow(/a key 'constructor'; allowed/);
  });

  it("model: nested without end, a key that zod does not survive", () => {
    for (const layers of [nested(50_000), [{ type: "linear", outFeatures: nested(50_000) }]]) {
      expect(() => modelFromJSON({ inputShape: [2], layers })).toThrow(/^model: got more than 64 levels of lists/);
    }
    const tie = JSON.parse('{"constructor": null}') as object;
    expect(() => modelFromJSON({ inputShape: [2], layers: [{ type: "linear", outFeatures: 2, tie }] })).toThrow(
      "model: got an object with a key 'constructor'; allowed: other keys",
    );
    const shared: unknown[] = [{}];
    for (let i = 0; i < 60; i++) shared[0] = [shared[0], shared[0]]; // 2^60 paths
    expect(() => modelFromJSON({ inputShape: [2], layers: shared })).toThrow(TypeError);
  });

  it("safetensors: metadata with a key that zod does not survive", () => {
    const text = Buffer.from('{"__metadata__":{"constructor":null}}');
    const bytes = Buffer.concat([Buffer.from(BigUint64Array.of(BigInt(text.length)).buffer), text]);
    expect(() => decodeCheckpoint(bytes, "f")).toThrow(/^f: __metadata__ is not a table of strings/);
  });

  it("npz: an index outside the file, which ended the process", async () => {
    const path = join(temporaryFolder(), "a.npz");
    const archive = readFileSync(fileURLToPath(new URL("../fixtures/arrays/zip64.npz", import.meta.url)));
    archive[archive.lastIndexOf(Buffer.from("PK\x06\x07", "latin1")) + 15] = 2;
    writeFileSync(path, archive);
    await expect(readNpz(path)).rejects.toThrow(DataError);
  });

  it("model: a depth that would build for ever", () => {
    expect(() => wideResnet({ depth: 6e12 + 4 })).toThrow(/10000 layers already/);
  });

  it("ledger: steps beyond what can be counted, a phase outside its cycle", () => {
    const most = Number.MAX_SAFE_INTEGER;
    const reserve: LedgerBody = { kind: "reserve", step: 0, mechanisms: [row(most)] };
    const start = startOf("a", { largestReservation: most });
    expect(() => parseLedger(chain(start, reserve, reserve), "l")).toThrow(
      /^l reserves 18014398509481982 steps; at most/,
    );
    const outside: LedgerBody = { ...reserve, mechanisms: [{ ...row(3), cycle: 4, phase: 4 }] };
    expect(() => parseLedger(chain(start, outside), "l")).toThrow(/phase: is not within the cycle/);
  });
});
